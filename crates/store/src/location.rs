//! Where the database is: the address from the configuration, checked before anything is opened. It must never touch the
//! disk. Its neighbours are the configuration, which parses it, and `database`, which opens it.

use std::path::{Path, PathBuf};

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A file of the embedded database.
    Sqlite(PathBuf),
}

/// An address that names no database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// Nothing follows the scheme, or nothing at all was given.
    #[error("the database address names no file: write sqlite:postern.db")]
    Empty,
    /// Neither a path nor a scheme that this program can open.
    #[error("the database address starts with “{scheme}:”, which this version can't open: write sqlite:FILE")]
    UnknownScheme {
        /// What stands before the colon.
        scheme: String,
    },
    /// A database that lives only as long as the process.
    #[error("a database in memory would lose everything at the end: write sqlite:FILE")]
    InMemory,
    /// Parameters after a question mark: Postern sets its own.
    #[error(
        "the database address has parameters (“?{parameters}”): leave them out, Postern sets what it needs"
    )]
    Parameters {
        /// What stands after the question mark.
        parameters: String,
    },
}

impl Location {
    /// Reads `sqlite:FILE`, `sqlite://FILE` or a bare path; a relative one lies in `base`, the data directory.
    pub fn parse(address: &str, base: &Path) -> Result<Self, LocationError> {
        let file = match address.split_once(':') {
            Some(("sqlite", rest)) => rest.strip_prefix("//").unwrap_or(rest),
            Some((scheme, _)) if is_scheme(scheme) => {
                return Err(LocationError::UnknownScheme { scheme: scheme.to_owned() });
            }
            _ => address,
        };
        if let Some((_, parameters)) = file.split_once('?') {
            return Err(LocationError::Parameters { parameters: parameters.to_owned() });
        }
        match file {
            "" => Err(LocationError::Empty),
            ":memory:" => Err(LocationError::InMemory),
            file => Ok(Self::Sqlite(base.join(file))),
        }
    }
}

/// RFC 3986 section 3.1; a path with a colon after a slash or a dot is a path.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '+' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(address: &str) -> Result<Location, LocationError> {
        Location::parse(address, Path::new("/data"))
    }

    #[test]
    fn a_relative_file_lies_in_the_data_directory_and_an_absolute_one_where_it_says() {
        let here = Location::Sqlite(PathBuf::from("/data/postern.db"));
        for address in ["sqlite:postern.db", "sqlite://postern.db", "postern.db"] {
            assert_eq!(parse(address), Ok(here.clone()), "{address}");
        }
        assert_eq!(parse("sqlite:///srv/a.db"), Ok(Location::Sqlite(PathBuf::from("/srv/a.db"))));
        assert_eq!(parse("./a:b.db"), Ok(Location::Sqlite(PathBuf::from("/data/./a:b.db"))));
    }

    #[test]
    fn each_wrong_address_has_its_sentence() {
        for (address, sentence) in [
            ("", "the database address names no file: write sqlite:postern.db"),
            ("sqlite:", "the database address names no file: write sqlite:postern.db"),
            (
                "postgres://localhost/postern",
                "the database address starts with “postgres:”, which this version can't open: write sqlite:FILE",
            ),
            ("sqlite::memory:", "a database in memory would lose everything at the end: write sqlite:FILE"),
            (
                "sqlite:a.db?mode=ro",
                "the database address has parameters (“?mode=ro”): leave them out, Postern sets what it needs",
            ),
        ] {
            assert_eq!(parse(address).unwrap_err().to_string(), sentence, "{address}");
        }
    }
}
