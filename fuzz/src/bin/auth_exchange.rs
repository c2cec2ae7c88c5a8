//! The target `auth_exchange` as a program.
#![cfg_attr(fuzzing, no_main)]

smtpserver_fuzz::program!(auth_exchange);
