//! The target `xtext` as a program.
#![cfg_attr(fuzzing, no_main)]

smtpserver_fuzz::program!(xtext);
