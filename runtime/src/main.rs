//! The program: reads the command line, does what it asks for, and says in one line why it cannot.

use smtpserver::args::{Args, Parsed};
use std::process::ExitCode;

fn main() -> ExitCode {
    let result = match Args::read() {
        Ok(Parsed::Args(args)) => smtpserver::run(*args),
        Ok(Parsed::Text(text)) => {
            smtpserver::signals::end_with_the_reader();
            print!("{text}");
            Ok(())
        }
        Err(stop) => Err(stop),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            if !stop.line.is_empty() {
                eprintln!("smtpserver: {}", stop.line);
            }
            ExitCode::from(stop.code)
        }
    }
}
