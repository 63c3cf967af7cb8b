//! The file that `apply` reads (deploy/stores.example.toml): which stores, which credentials.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;

use crate::bitid::Sin;
use crate::cli::store::pair::read_api_key;
use crate::cli::store::set::read_certificates;
use crate::config::Config;
use crate::contract::Era;
use crate::ledger::{CredentialKind, Facade, NotificationForm, Overrides};
use crate::presented::Settlement;
use crate::secrets::token_hash;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    store: BTreeMap<String, StoreTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoreTable {
    server: Option<String>,
    api_key_file: Option<PathBuf>,
    settlement: Option<Settlement>,
    shop_ca_file: Option<PathBuf>,
    #[serde(default)]
    removed: bool,
    #[serde(default)]
    force: bool,
    #[serde(default)]
    credential: Vec<CredentialTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CredentialTable {
    kind: String,
    file: PathBuf,
    sin: Option<String>,
    facade: Option<String>,
    era: Option<String>,
    notifications: Option<String>,
    label: Option<String>,
    #[serde(default)]
    revoked: bool,
}

/// A store as the file wants it.
#[derive(Debug)]
pub(super) enum WantedStore {
    /// It should be there.
    Kept(KeptStore),
    /// It should be gone.
    Removed {
        /// Although it is in use.
        force: bool,
    },
}

/// A store that should be there. What is None is left as it is.
#[derive(Debug)]
pub(super) struct KeptStore {
    /// Its BTCPay server.
    pub(super) server: String,
    /// It moves to that server although nothing proves that it is there.
    pub(super) force: bool,
    /// BTCPay's legacy API key, where it uses that.
    pub(super) api_key_file: Option<PathBuf>,
    /// What it counts as confirmed and complete.
    pub(super) settlement: Option<Settlement>,
    /// Certificates (PEM) to trust when its shops are notified.
    pub(super) shop_ca_pem: Option<String>,
    /// What opens it.
    pub(super) credentials: Vec<WantedCredential>,
}

/// A credential as the file wants it.
pub(super) struct WantedCredential {
    pub(super) kind: CredentialKind,
    pub(super) facade: Facade,
    pub(super) sin: Option<Sin>,
    /// What the shop has; never shown.
    pub(super) text: zeroize::Zeroizing<String>,
    pub(super) hash: String,
    pub(super) overrides: Overrides,
    pub(super) revoked: bool,
}

impl std::fmt::Debug for WantedCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WantedCredential").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Reads the file and every file that it names.
pub(super) fn read(path: &Path, config: &Config) -> anyhow::Result<BTreeMap<String, WantedStore>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    let table: Table = toml::from_str(&text).with_context(|| format!("{}", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let store = |(name, table): (String, StoreTable)| {
        let wanted = wanted(table, folder, config);
        let wanted = wanted.with_context(|| format!("{}: [store.{name}]", path.display()))?;
        Ok((name, wanted))
    };
    table.store.into_iter().map(store).collect()
}

fn wanted(table: StoreTable, folder: &Path, config: &Config) -> anyhow::Result<WantedStore> {
    if table.removed {
        let StoreTable { server, api_key_file, settlement, shop_ca_file, credential, force, .. } = table;
        let files = [api_key_file, shop_ca_file].iter().all(Option::is_none);
        let alone = server.is_none() && files && settlement.is_none() && credential.is_empty();
        ensure!(alone, "removed = true stands alone, or with force");
        return Ok(WantedStore::Removed { force });
    }
    ensure!(!table.force || table.server.is_some(), "force belongs to removed = true, or to server");
    let server = match table.server {
        Some(server) => server,
        None if config.btcpay.len() == 1 => config.btcpay.keys().next().cloned().unwrap_or_default(),
        None => bail!("server is missing: the configuration names {} of them", config.btcpay.len()),
    };
    ensure!(config.btcpay.contains_key(&server), "the configuration has no [btcpay.{server}]");
    let api_key_file = table.api_key_file.map(|file| folder.join(file));
    // Whatever cannot be read is said before anything is done.
    api_key_file.as_deref().map(read_api_key).transpose()?;
    let shop_ca_pem = table.shop_ca_file.map(|file| read_certificates(&folder.join(file))).transpose()?;
    let credentials = table.credential.into_iter().map(|table| self::credential(table, folder));
    Ok(WantedStore::Kept(KeptStore {
        server,
        force: table.force,
        api_key_file,
        settlement: table.settlement,
        shop_ca_pem,
        credentials: credentials.collect::<anyhow::Result<_>>()?,
    }))
}

fn credential(table: CredentialTable, folder: &Path) -> anyhow::Result<WantedCredential> {
    let file = folder.join(&table.file);
    let text = std::fs::read_to_string(&file).with_context(|| format!("{}", file.display()))?;
    let text = zeroize::Zeroizing::new(text.trim().to_owned());
    let kind = match table.kind.replace('-', "_").parse() {
        Ok(CredentialKind::SigningKey) | Err(_) => bail!("kind is token, pos-token or v1-key"),
        Ok(kind) => kind,
    };
    let facade = match (kind, table.facade.as_deref()) {
        (CredentialKind::PosToken, None | Some("pos")) => Facade::Pos,
        (CredentialKind::PosToken, _) => bail!("a pos-token has the facade pos"),
        (_, facade) => facade.unwrap_or("merchant").parse().ok().context("facade is merchant or pos")?,
    };
    let sin = table.sin.as_deref().map(Sin::parse).transpose().context("sin")?;
    ensure!((kind == CredentialKind::Token) == sin.is_some(), "a token needs sin, and no other kind has one");
    let form =
        |text: String| text.parse::<NotificationForm>().ok().context("notifications is flat or enveloped");
    let overrides = Overrides {
        era: table.era.map(|era| Era::fixable(&era)).transpose().context("era")?,
        notification_form: table.notifications.map(form).transpose()?,
        label: table.label,
    };
    let hash = token_hash(&text);
    Ok(WantedCredential { kind, facade, sin, text, hash, overrides, revoked: table.revoked })
}
