//! What speaks against the plan at BTCPay or in the ledger, asked before the first change.

use anyhow::{Context as _, bail};

use super::plan::{Action, Change, Had};
use crate::app::Rooms;
use crate::cli::store::pair::with_key_of;
use crate::cli::store::proof::prove;
use crate::cli::store::remove::refuse_while_used;
use crate::ledger::Store;

/// Refuses to remove a store in use, and to move one to where nothing proves that it is; notes what was proved.
pub(super) async fn check(rooms: &Rooms, changes: &mut [Change], had: &Had) -> anyhow::Result<()> {
    for at in 0..changes.len() {
        let (name, what) = (changes[at].store.clone(), changes[at].to_string());
        let Some(store) = had.stores.iter().find(|store| store.name == name) else { continue };
        match &changes[at].action {
            Action::RemoveStore { force: false } => {
                let used = rooms.ledger.store_use(&store.id).await?;
                refuse_while_used(rooms, store, used)
                    .await
                    .context("force = true is not set")
                    .context(what)?;
            }
            Action::MoveStore { server, force, .. } if store.paired_at.is_some() => {
                let (server, force) = (server.clone(), *force);
                let found = there(rooms, store, &server, changes).await;
                if let (Err(error), false) = (&found, force) {
                    bail!("{what}: {error:#}; {}", advice(&name, &server));
                }
                if let Action::MoveStore { proved, .. } = &mut changes[at].action {
                    *proved = found.is_ok();
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether the store is at that server, by the API key of the file where it gets a new one.
async fn there(rooms: &Rooms, store: &Store, server: &str, changes: &[Change]) -> anyhow::Result<()> {
    let file = changes.iter().find_map(|change| match &change.action {
        Action::UseApiKey { file } if change.store == store.name => Some(file),
        _ => None,
    });
    let with_key = file.map(|file| with_key_of(rooms, store, file)).transpose()?;
    let moved = Store { server: server.to_owned(), ..with_key.unwrap_or_else(|| store.clone()) };
    Ok(prove(rooms, store, &moved).await?)
}

fn advice(name: &str, server: &str) -> String {
    format!(
        "only a BTCPay Server with the same database has {name}'s key and invoices. For another one add a store \
         there and move the credentials to it; force = true moves {name} to {server} all the same: it must then be \
         paired anew, and its open invoices are lost to its shops"
    )
}
