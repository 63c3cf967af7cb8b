//! The chain behind the look-alike: blocks, and the transactions that pay invoices.

use std::collections::HashMap;

/// Height at the beginning, so that blocks can be undone.
const FIRST_HEIGHT: u32 = 200;

/// Blocks and transactions. A transaction that is in no block waits for the next one.
#[derive(Debug)]
pub struct Chain {
    height: u32,
    transactions: HashMap<String, Transaction>,
}

#[derive(Debug)]
struct Transaction {
    /// Height of its block.
    block: Option<u32>,
    /// Whether it says that it may be replaced.
    signals: bool,
}

impl Default for Chain {
    fn default() -> Self {
        Self { height: FIRST_HEIGHT, transactions: HashMap::new() }
    }
}

impl Chain {
    /// A transaction appears, in no block yet.
    pub fn send(&mut self, id: &str, signals: bool) {
        self.transactions.insert(id.to_owned(), Transaction { block: None, signals });
    }

    /// The next block takes all transactions that wait.
    pub fn mine(&mut self) {
        self.height += 1;
        let height = self.height;
        let waiting = self.transactions.values_mut().filter(|known| known.block.is_none());
        waiting.for_each(|known| known.block = Some(height));
    }

    /// The last blocks are undone; their transactions wait again.
    pub fn undo(&mut self, blocks: u32) {
        self.height = self.height.saturating_sub(blocks);
        let height = self.height;
        let undone = self.transactions.values_mut().filter(|known| known.block.is_some_and(|at| at > height));
        undone.for_each(|known| known.block = None);
    }

    /// A transaction is replaced by another one and can never be in a block.
    pub fn replace(&mut self, id: &str) {
        self.transactions.remove(id);
    }

    /// Gives one transaction so many confirmations, without a block for the others.
    pub fn bury(&mut self, id: &str, depth: u32) {
        let deep = self.height.saturating_sub(depth.saturating_sub(1));
        if let Some(known) = self.transactions.get_mut(id).filter(|_| depth > 0) {
            known.block = Some(known.block.map_or(deep, |at| at.min(deep)));
        }
    }

    /// Blocks from that of the transaction on; None where it was replaced.
    #[must_use]
    pub fn confirmations(&self, id: &str) -> Option<u32> {
        let known = self.transactions.get(id)?;
        Some(known.block.map_or(0, |at| self.height.saturating_sub(at) + 1))
    }

    /// Whether a transaction says that it may be replaced.
    #[must_use]
    pub fn signals(&self, id: &str) -> bool {
        self.transactions.get(id).is_some_and(|known| known.signals)
    }
}
