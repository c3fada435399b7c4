//! Connections to the database: a pool each way for SQLite, one for PostgreSQL.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use deadpool::managed::{Manager, Object, PoolError};
use diesel::result::{DatabaseErrorKind as ErrorKind, Error};
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, PoolableConnection, RecyclingMethod, SetupCallback,
};

use super::backend::{postgres, sqlite};
use super::failure::Failure;

/// Longer than any statement should take, so that only a stalled database comes to it.
const WAIT: Duration = Duration::from_secs(10);

/// Both databases behind one type; which one is decided once, when it is opened.
pub(super) enum Db {
    /// SQLite has one writer at a time, so a pool of one queues fairly where the file lock would not.
    Sqlite {
        /// One connection.
        write: Pool<sqlite::Conn>,
        /// Readers, which no writer blocks.
        read: Pool<sqlite::Conn>,
    },
    /// PostgreSQL takes both alike.
    Postgres(Pool<postgres::Conn>),
}

/// Runs one of the `queries` on a pooled connection: `ask!(db, read, connections::get(id))`.
macro_rules! ask {
    ($db:expr, $pool:ident, $module:ident :: $query:ident ( $($argument:expr),* )) => {
        match &$db {
            $crate::store::pool::Db::Sqlite { $pool: pool, .. } => {
                let mut db = $crate::store::pool::held(pool).await?;
                let asked = $crate::store::backend::sqlite::queries::$module::$query(&mut db, $($argument),*).await;
                db.noting(asked)
            }
            $crate::store::pool::Db::Postgres(pool) => {
                let mut db = $crate::store::pool::held(pool).await?;
                let asked =
                    $crate::store::backend::postgres::queries::$module::$query(&mut db, $($argument),*).await;
                db.noting(asked)
            }
        }
    };
}
pub(super) use ask;

/// A connection on loan. One that comes back in the middle of a transaction is closed: in the pool it would keep its
/// locks until somebody else takes it. So is one that takes no writes: its session would stay so, or it leads to a server
/// that works no more.
pub(super) struct Held<M: Manager<Type: PoolableConnection>> {
    object: Option<Object<M>>,
    read_only: bool,
}

impl<M: Manager<Type: PoolableConnection>> Held<M> {
    /// Takes note of what came of a query.
    pub(super) fn noting<T>(&mut self, asked: diesel::QueryResult<T>) -> diesel::QueryResult<T> {
        self.read_only |= matches!(&asked, Err(Error::DatabaseError(ErrorKind::ReadOnlyTransaction, _)));
        asked
    }
}

impl<M: Manager<Type: PoolableConnection>> Deref for Held<M> {
    type Target = M::Type;

    #[expect(clippy::expect_used, reason = "it is there until it is dropped")]
    fn deref(&self) -> &M::Type {
        self.object.as_ref().expect("not dropped")
    }
}

impl<M: Manager<Type: PoolableConnection>> DerefMut for Held<M> {
    #[expect(clippy::expect_used, reason = "it is there until it is dropped")]
    fn deref_mut(&mut self) -> &mut M::Type {
        self.object.as_mut().expect("not dropped")
    }
}

impl<M: Manager<Type: PoolableConnection>> Drop for Held<M> {
    fn drop(&mut self) {
        if let Some(mut object) = self.object.take()
            && (self.read_only || object.is_broken())
        {
            drop(Object::take(object));
        }
    }
}

/// Waits for a connection, not for ever.
pub(super) async fn held<M>(pool: &deadpool::managed::Pool<M>) -> Result<Held<M>, Failure>
where
    M: Manager<Type: PoolableConnection>,
    M::Error: std::fmt::Display,
{
    match tokio::time::timeout(WAIT, pool.get()).await {
        Ok(Ok(object)) => Ok(Held { object: Some(object), read_only: false }),
        Ok(Err(PoolError::Backend(error))) => Err(Failure::Away(error.to_string())),
        Ok(Err(_)) => Err(Failure::Away("the pool of connections is closed".into())),
        Err(_) => Err(Failure::Away(format!("no connection was free for {} s", WAIT.as_secs()))),
    }
}

/// A pool that checks connections locally: a server that is down is then reported at once and with the cause.
pub(super) fn pool<C>(url: &str, size: usize, setup: SetupCallback<C>) -> Result<Pool<C>, Failure>
where
    C: PoolableConnection + 'static,
    AsyncDieselConnectionManager<C>: Manager<Type = C>,
{
    let mut config = ManagerConfig::default();
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = setup;
    let manager = AsyncDieselConnectionManager::new_with_config(url, config);
    Pool::builder(manager).max_size(size).build().map_err(|error| Failure::Away(error.to_string()))
}
