//! The target `proxy` as a program.
#![cfg_attr(fuzzing, no_main)]

smtpserver_fuzz::program!(proxy);
