//! The target `replay_log` as a program.
#![cfg_attr(fuzzing, no_main)]

smtpserver_fuzz::program!(replay_log);
