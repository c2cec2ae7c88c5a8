//! The target `tls_seam` as a program.
#![cfg_attr(fuzzing, no_main)]

smtpserver_fuzz::program!(tls_seam);
