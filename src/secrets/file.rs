//! The file that holds the master secret.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use super::{MasterSecret, SecretsError};

impl MasterSecret {
    /// Writes a new secret: mode 0600, never over an existing file, durable when this returns.
    ///
    /// # Errors
    /// [`SecretsError::Exists`], [`SecretsError::File`].
    pub fn create(path: &Path, random: [u8; 32]) -> Result<Self, SecretsError> {
        let refuse = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => SecretsError::Exists(path.display().to_string()),
            _ => file_error(path, &error),
        };
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(refuse)?;
        let text = Zeroizing::new(hex::encode(random) + "\n");
        file.write_all(text.as_bytes()).map_err(refuse)?;
        file.sync_all().map_err(refuse)?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(refuse)?;
        }
        Ok(Self::from_bytes(random))
    }

    /// Reads the secret; a file that others may read is refused.
    ///
    /// # Errors
    /// [`SecretsError::File`], [`SecretsError::Permissions`], [`SecretsError::Content`].
    pub fn load(path: &Path) -> Result<Self, SecretsError> {
        let mode = fs::metadata(path).map_err(|error| file_error(path, &error))?.mode();
        if mode & 0o077 != 0 {
            return Err(SecretsError::Permissions(path.display().to_string()));
        }
        let text = Zeroizing::new(fs::read_to_string(path).map_err(|error| file_error(path, &error))?);
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.trim(), bytes.as_mut())
            .map_err(|_| SecretsError::Content(path.display().to_string()))?;
        Ok(Self(bytes))
    }
}

fn file_error(path: &Path, error: &std::io::Error) -> SecretsError {
    SecretsError::File { path: path.display().to_string(), why: error.to_string() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn is_created_once_read_back_and_refused_when_others_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master-secret");
        MasterSecret::create(&path, [9; 32]).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(matches!(MasterSecret::create(&path, [8; 32]), Err(SecretsError::Exists(_))));
        let read = MasterSecret::load(&path).unwrap();
        assert_eq!(read.invoice_token("s", "i"), MasterSecret::from_bytes([9; 32]).invoice_token("s", "i"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(MasterSecret::load(&path), Err(SecretsError::Permissions(_))));
    }
}
