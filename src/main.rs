//! The payferry program: parse, run, exit code.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use payferry::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::parse().run().await {
        Ok(code) => code,
        Err(error) => {
            // Nobody may be there to read it.
            let _ = writeln!(std::io::stderr(), "payferry: {error:#}");
            ExitCode::FAILURE
        }
    }
}
