//! The target `policy_file` as a program.
#![cfg_attr(fuzzing, no_main)]

smtpserver_fuzz::program!(policy_file);
