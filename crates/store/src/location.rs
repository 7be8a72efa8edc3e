//! Where the database is: the address from the configuration, checked before anything is opened. It must never touch the
//! disk. Its neighbours are the configuration, which parses it, and `database`, which opens it.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A file of the embedded database.
    Sqlite(PathBuf),
    /// A database on a PostgreSQL server.
    Postgres(PostgresAddress),
}

/// The address of a database on a PostgreSQL server. It may hold a password: it is shown without it.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresAddress {
    url: String,
    shown: String,
}

/// An address that names no database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// Nothing follows the scheme, or nothing at all was given.
    #[error("the database address names no file: write sqlite:postern.db")]
    Empty,
    /// Neither a path nor a scheme that this program can open.
    #[error(
        "the database address starts with “{scheme}:”, which is none that Postern can open: write sqlite:FILE or postgres://…"
    )]
    UnknownScheme {
        /// What stands before the colon.
        scheme: String,
    },
    /// A database that lives only as long as the process.
    #[error("a database in memory would lose everything at the end: write sqlite:FILE")]
    InMemory,
    /// An address of a server that can't be read.
    #[error("the database address is not understood: {why}")]
    NotUnderstood {
        /// What is wrong with it; without the address, which may hold a password.
        why: String,
    },
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
    /// Reads `sqlite:FILE`, `sqlite://FILE` or a bare path, of which a relative one lies in `base`, the data directory; or
    /// `postgres://user:password@host:port/database`, with the parameters of libpq that sqlx knows (`sslmode`, `sslrootcert`
    /// and others).
    pub fn parse(address: &str, base: &Path) -> Result<Self, LocationError> {
        let file = match address.split_once(':') {
            Some(("sqlite", rest)) => rest.strip_prefix("//").unwrap_or(rest),
            Some(("postgres" | "postgresql", _)) => {
                return PostgresAddress::parse(address).map(Self::Postgres);
            }
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

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Postgres(address) => address.fmt(f),
        }
    }
}

impl PostgresAddress {
    fn parse(address: &str) -> Result<Self, LocationError> {
        let options: PgConnectOptions = address
            .parse()
            .map_err(|error: sqlx::Error| LocationError::NotUnderstood { why: error.to_string() })?;
        let database = options.get_database().unwrap_or(options.get_username());
        let shown = match options.get_socket() {
            Some(socket) => format!("postgres:{}/{database}", socket.display()),
            None => format!("postgres://{}:{}/{database}", options.get_host(), options.get_port()),
        };
        Ok(Self { url: address.to_owned(), shown })
    }

    /// The files that it names, but for those that are named by escapes.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        let parameters = self.url.split_once('?').map_or("", |(_, parameters)| parameters);
        let named = parameters.split('&').filter_map(|parameter| match parameter.split_once('=')? {
            ("sslrootcert" | "sslcert" | "sslkey", file) => Some(Path::new(file)),
            _ => None,
        });
        named.filter(|file| file.is_absolute())
    }

    /// How to connect. Another machine's certificate is checked unless the address says otherwise: mail goes over this
    /// connection, and who reads it along could also change it.
    pub(crate) fn options(&self) -> PgConnectOptions {
        let options: PgConnectOptions = self.url.parse().expect("it was parsed before");
        let options = options.application_name("postern");
        match self.url.contains("sslmode=") || is_local(&options) {
            true => options,
            false => options.ssl_mode(PgSslMode::VerifyFull),
        }
    }
}

fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let is_loopback = host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    options.get_socket().is_some() || host.starts_with('/') || host == "localhost" || is_loopback
}

impl fmt::Display for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
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
                "mysql://localhost/postern",
                "the database address starts with “mysql:”, which is none that Postern can open: write sqlite:FILE or \
                 postgres://…",
            ),
            (
                "postgres://user:geheim@host:http/postern",
                "the database address is not understood: error with configuration: invalid port number",
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

    #[test]
    fn the_files_of_an_address_are_known() {
        let address = "postgres://db/mail?sslmode=verify-full&sslrootcert=/etc/ca.pem&sslkey=/etc/key.pem";
        let Ok(Location::Postgres(parsed)) = parse(address) else { panic!() };
        assert_eq!(parsed.files().collect::<Vec<_>>(), [Path::new("/etc/ca.pem"), Path::new("/etc/key.pem")]);
    }

    #[test]
    fn an_address_of_a_server_is_shown_without_its_password() {
        for (address, shown) in [
            ("postgres://postern:geheim@db.example.com/mail", "postgres://db.example.com:5432/mail"),
            ("postgresql://postern:geheim@[::1]:5433", "postgres://[::1]:5433/postern"),
        ] {
            let Ok(Location::Postgres(parsed)) = parse(address) else { panic!("{address}") };
            assert_eq!((parsed.to_string(), format!("{parsed:?}")), (shown.to_owned(), shown.to_owned()));
        }
    }

    #[test]
    fn the_certificate_of_another_machine_is_checked_unless_the_address_says_otherwise() {
        for (address, is_checked) in [
            ("postgres://db.example.com/mail", true),
            ("postgres://db.example.com/mail?sslmode=require", false),
            ("postgres://localhost/mail", false),
            ("postgres://127.0.0.1/mail", false),
            ("postgres:///mail?host=/run/postgresql", false),
        ] {
            let Ok(Location::Postgres(parsed)) = parse(address) else { panic!("{address}") };
            let mode = parsed.options().get_ssl_mode();
            assert_eq!(matches!(mode, PgSslMode::VerifyFull), is_checked, "{address}");
        }
    }
}
