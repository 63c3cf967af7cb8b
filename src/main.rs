//! The payferry program: parse, run, exit code.

use std::process::ExitCode;

use clap::Parser as _;
use payferry::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::parse().run().await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("payferry: {error:#}");
            ExitCode::FAILURE
        }
    }
}
