//! The target `dns_answer` as a program.
#![cfg_attr(fuzzing, no_main)]

smtpserver_fuzz::program!(dns_answer);
