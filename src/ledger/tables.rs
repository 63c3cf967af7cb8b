//! Whether the tables are those of this version, and bringing them up to date.

use std::collections::BTreeMap;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Row, SqlitePool};

use super::{LedgerError, sqlite};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Runs the migrations that are missing.
pub(super) async fn bring_up_to_date(pool: &SqlitePool) -> Result<(), LedgerError> {
    MIGRATIONS.run(pool).await.map_err(|failed| match failed {
        MigrateError::Execute(failed) => sqlite::error(failed),
        MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => LedgerError::Newer,
        other => LedgerError::Unavailable(format!("the tables could not be brought up to date: {other}")),
    })
}

/// Looks only: refuses tables of another version.
pub(super) async fn refuse_other_version(pool: &SqlitePool) -> Result<(), LedgerError> {
    let sql = "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'";
    let there = sqlx::query(sql).fetch_one(pool).await.map_err(sqlite::error)?;
    if there.try_get::<i64, _>(0).map_err(sqlite::error)? == 0 {
        return Err(LedgerError::Older);
    }
    let rows =
        sqlx::query("SELECT version, checksum FROM _sqlx_migrations WHERE success").fetch_all(pool).await;
    let mut applied = BTreeMap::new();
    for row in rows.map_err(sqlite::error)? {
        let version: i64 = row.try_get("version").map_err(sqlite::error)?;
        applied.insert(version, row.try_get::<Vec<u8>, _>("checksum").map_err(sqlite::error)?);
    }
    for wanted in MIGRATIONS.iter() {
        match applied.remove(&wanted.version) {
            Some(checksum) if checksum == *wanted.checksum => {}
            Some(_) => return Err(LedgerError::Newer),
            None => return Err(LedgerError::Older),
        }
    }
    if applied.is_empty() { Ok(()) } else { Err(LedgerError::Newer) }
}
