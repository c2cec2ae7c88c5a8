//! The target `spf_record` as a program.
#![cfg_attr(fuzzing, no_main)]

smtpserver_fuzz::program!(spf_record);
