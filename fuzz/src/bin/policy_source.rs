//! The target `policy_source` as a program.
#![cfg_attr(fuzzing, no_main)]

smtpserver_fuzz::program!(policy_source);
