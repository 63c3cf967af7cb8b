//! `payferry sandbox`, and the hand of its owner.

mod owner;

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;
use tokio::net::TcpListener;

use self::owner::OwnerCommand;
use crate::cli::voice::outln;
use crate::lifecycle::{Lifecycle, Signals};
use crate::sandbox::Sandbox;

/// What `sandbox` asks.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct SandboxArgs {
    /// Where it answers as BTCPay Server.
    #[arg(long, default_value = "127.0.0.1:23000", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Where its owner makes stores and approves pairing codes (a page and JSON).
    #[arg(long, default_value = "127.0.0.1:23001", value_name = "ADDRESS")]
    owner: SocketAddr,
    /// How many times faster its clock runs: invoices expire and notifications are repeated sooner.
    #[arg(long, default_value_t = 1, value_name = "TIMES", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    faster: u32,
    #[command(subcommand)]
    command: Option<OwnerCommand>,
}

pub(super) async fn run(args: SandboxArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        Some(command) => owner::run(command).await,
        None => serve(args.listen, args.owner, args.faster).await,
    }
}

async fn serve(listen: SocketAddr, owner: SocketAddr, faster: u32) -> anyhow::Result<ExitCode> {
    let lifecycle = Lifecycle::new();
    let signals = Signals::install()?;
    let (api, owner) = (TcpListener::bind(listen).await?, TcpListener::bind(owner).await?);
    outln!("BTCPay look-alike  http://{}", api.local_addr()?);
    outln!("Its owner's page   http://{}", owner.local_addr()?);
    let sandbox = Sandbox::new(super::demo::sandbox_options().faster(faster));
    lifecycle.spawn("sandbox", sandbox.clone().serve(api, lifecycle.soft().clone()));
    lifecycle.spawn("owner", sandbox.serve_owner(owner, lifecycle.soft().clone()));
    Ok(lifecycle.run(signals, std::time::Duration::from_secs(1)).await.exit_code().into())
}
