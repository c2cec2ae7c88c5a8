//! The target `plan` as a program.
#![cfg_attr(fuzzing, no_main)]

smtpserver_fuzz::program!(plan);
