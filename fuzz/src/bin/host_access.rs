//! The target `host_access` as a program.
#![cfg_attr(fuzzing, no_main)]

smtpserver_fuzz::program!(host_access);
