//! The target `milter` as a program.
#![cfg_attr(fuzzing, no_main)]

smtpserver_fuzz::program!(milter);
