//! Whose rates a shop gets that asks without a credential: the choice that `[rates]` makes.

use super::finding::Finding;
use crate::config::RatesSection;
use crate::ledger::Store;
use crate::rates::{RateSource, SourceError};

/// Asks for the store of each host that is named, and of any other.
pub(super) fn check(settings: &RatesSection, stores: &[Store]) -> Vec<Finding> {
    let source = RateSource::new(settings.clone());
    let named = settings.host.iter().flat_map(|host| &host.names).map(|name| ("rates.host", name.as_str()));
    let hosts = named.chain([("rates.store", "")]);
    hosts.filter_map(|(hop, host)| of_host(&source, hop, host, stores)).collect()
}

fn of_host(source: &RateSource, hop: &str, host: &str, stores: &[Store]) -> Option<Finding> {
    let tried = match host {
        "" => "find the store whose rates are given without a credential".to_owned(),
        host => format!("find the store whose rates are given under {host}"),
    };
    match source.store(host, stores.iter().map(Borrowed).collect()) {
        Ok(Borrowed(store)) => Some(Finding::ok(hop, tried, store.name.clone())),
        // Without any store that is the least of it.
        Err(SourceError::NotChosen) if stores.iter().all(|store| store.paired_at.is_none()) => None,
        Err(error @ SourceError::NotChosen) => {
            let came = format!("{error}: they are refused (rates_store_missing)");
            Some(Finding::warn(hop, tried, came).change("set rates.store to the name of a paired store"))
        }
        Err(error @ SourceError::NoSuchStore(_)) => {
            let came = format!("{error}: requests without a credential are refused (rates_store_missing)");
            Some(Finding::wrong(hop, tried, came).change(format!("correct {hop}, or pair that store")))
        }
    }
}

struct Borrowed<'a>(&'a Store);

impl AsRef<Store> for Borrowed<'_> {
    fn as_ref(&self) -> &Store {
        self.0
    }
}
