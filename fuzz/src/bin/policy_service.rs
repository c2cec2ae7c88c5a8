//! The target `policy_service` as a program.
#![cfg_attr(fuzzing, no_main)]

smtpserver_fuzz::program!(policy_service);
