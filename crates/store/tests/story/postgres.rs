//! Databases on the tests' own PostgreSQL.

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

pub(crate) use crate::postgres_server::server;

/// Makes an empty database; returns its name.
pub(crate) async fn create_database() -> String {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let name = format!("test_{}_{number}", std::process::id());
    run_sql("postgres", &format!("CREATE DATABASE {name}")).await.unwrap();
    name
}

/// Ends a database's connections as a power cut would, whatever they are at.
pub(crate) async fn cut_connections(database: &str) {
    let cut = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'");
    run_sql("postgres", &cut).await.unwrap();
}

pub(crate) async fn run_sql(database: &str, sql: &str) -> Result<(), sqlx::Error> {
    let mut connection = connect(database).await?;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
    connection.close().await
}

async fn connect(database: &str) -> Result<PgConnection, sqlx::Error> {
    PgConnectOptions::new_without_pgpass()
        .socket(server().join("run"))
        .username("postern")
        .database(database)
        .connect()
        .await
}
