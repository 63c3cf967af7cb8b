//! What belongs together: one divergence with all calls, stores and shops that showed it.

use std::collections::BTreeMap;

use crate::contract::divergences::{self, Known, Repaired, Severity};
use crate::ledger::DivergenceRow;

/// One divergence.
pub(super) struct Group<'a> {
    /// The id in the catalogue, or kind and pointer.
    pub(super) identity: &'a str,
    /// Its row of the catalogue.
    pub(super) known: Option<&'static Known>,
    /// What was seen of it, the most frequent first.
    pub(super) rows: Vec<&'a DivergenceRow>,
}

/// What an operator should look at first comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Nobody has met it before.
    Unknown,
    /// A shop sees it, and there is something to do.
    Open,
    /// payferry keeps it from the shops.
    Repaired,
    /// Nobody minds.
    Harmless,
}

/// Groups rows that came the most frequent first.
pub(super) fn groups(rows: &[DivergenceRow]) -> Vec<Group<'_>> {
    let mut by_identity: BTreeMap<&str, Vec<&DivergenceRow>> = BTreeMap::new();
    for row in rows {
        by_identity.entry(&row.identity).or_default().push(row);
    }
    let mut groups: Vec<_> = by_identity
        .into_iter()
        .map(|(identity, rows)| Group { identity, known: divergences::find(identity), rows })
        .collect();
    groups.sort_by_key(|group| (group.rank(), group.severity_rank(), -group.count()));
    groups
}

impl Group<'_> {
    pub(super) fn rank(&self) -> Rank {
        match self.known {
            None => Rank::Unknown,
            Some(known) if known.repaired() == Repaired::NotNeeded => Rank::Harmless,
            Some(known) if known.repaired() == Repaired::Yes => Rank::Repaired,
            Some(known) if known.severity == Severity::Harmless => Rank::Harmless,
            Some(_) => Rank::Open,
        }
    }

    fn severity_rank(&self) -> u8 {
        match self.known.map(|known| known.severity) {
            None | Some(Severity::Breaks) => 0,
            Some(Severity::Degrades) => 1,
            Some(Severity::Harmless) => 2,
        }
    }

    pub(super) fn count(&self) -> i64 {
        self.rows.iter().map(|row| row.count).sum()
    }

    pub(super) fn is_new(&self) -> bool {
        self.rows.iter().any(|row| row.acknowledged_at.is_none())
    }

    pub(super) fn first_seen(&self) -> i64 {
        self.rows.iter().map(|row| row.first_seen).min().unwrap_or_default()
    }

    pub(super) fn last_seen(&self) -> i64 {
        self.rows.iter().map(|row| row.last_seen).max().unwrap_or_default()
    }

    pub(super) fn severity(&self) -> &'static str {
        self.known.map_or("unknown", |known| known.severity.name())
    }

    pub(super) fn repaired(&self) -> &'static str {
        self.known.map_or(Repaired::No, Known::repaired).name()
    }

    pub(super) fn breaks(&self) -> &str {
        self.known.map_or("Nobody has met it before.", |known| &known.breaks)
    }

    pub(super) fn how(&self) -> &str {
        self.known.map_or("Passed by; what payferry writes does not come from there.", Known::how)
    }

    pub(super) fn advice(&self) -> &str {
        self.known
            .map_or("Look whether shops still work, and tell payferry's developers.", |known| &known.advice)
    }

    /// The values of one column, each once, the most frequent first.
    pub(super) fn distinct<'b>(&'b self, column: impl Fn(&'b DivergenceRow) -> &'b str) -> Vec<&'b str> {
        let mut values: Vec<&str> = Vec::new();
        for row in &self.rows {
            let value = column(row);
            if !value.is_empty() && !values.contains(&value) {
                values.push(value);
            }
        }
        values
    }

    pub(super) fn json(&self) -> serde_json::Value {
        let seen: Vec<_> = self.rows.iter().map(|row| sight(row)).collect();
        serde_json::json!({
            "id": self.known.map_or("uncatalogued", |known| known.id.as_str()),
            "identity": self.identity,
            "severity": self.severity(),
            "repaired": self.repaired(),
            "new": self.is_new(),
            "count": self.count(),
            "first_seen_ms": self.first_seen(),
            "last_seen_ms": self.last_seen(),
            "bitpay": self.known.map(|known| known.bitpay.as_str()),
            "btcpay": self.known.map(|known| known.btcpay.as_str()),
            "breaks": self.breaks(),
            "how": self.how(),
            "advice": self.advice(),
            "seen": seen,
        })
    }
}

fn sight(row: &DivergenceRow) -> serde_json::Value {
    serde_json::json!({
        "endpoint": row.endpoint,
        "store": row.store,
        "agent": row.agent,
        "kind": row.kind,
        "pointer": row.pointer,
        "sample": row.sample,
        "count": row.count,
        "first_seen_ms": row.first_seen,
        "last_seen_ms": row.last_seen,
        "new": row.acknowledged_at.is_none(),
    })
}
