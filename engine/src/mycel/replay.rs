//! Replay: applying records that another keyspace, or this one before it was restarted, has emitted.
//!
//! Replay decides nothing and takes no time into account: a key whose deadline has passed goes when its
//! [`Record::Remove`] comes. What is replayed is emitted again, so that a replica feeds its own log.

use super::keyspace::{Db, Keyspace};
use super::partition::Place;
use super::record::Record;

/// Why a record could not be applied. The keyspace is as it was before the record; trying again gives the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReplayError {
    /// The record is about a database that this keyspace does not have.
    #[error("the record is about database {}, which is not there", .0.number())]
    PeerUnknownDatabase(Db),
    /// The record changes or removes a key that is not there: the two sides have parted.
    #[error("the record changes a key that is not there")]
    PeerMissingKey,
}

impl Keyspace {
    /// Applies one record.
    ///
    /// # Errors
    ///
    /// If the record does not fit this keyspace, which then stays as it was.
    pub fn replay(&mut self, record: &Record<'_>) -> Result<(), ReplayError> {
        match *record {
            Record::Put { db, key, value, deadline_ms } => self.replay_put(db, key, value, deadline_ms)?,
            Record::Append { db, key, bytes } => {
                let place = self.replay_place(db, key)?;
                self.database_mut(db).change(place, |entry| entry.append(bytes));
            }
            Record::WriteAt { db, key, offset, bytes } => {
                let place = self.replay_place(db, key)?;
                let offset = usize::try_from(offset).map_err(|_| ReplayError::PeerMissingKey)?;
                self.database_mut(db).change(place, |entry| entry.write_at(offset, bytes));
            }
            Record::Deadline { db, key, deadline_ms } => {
                let place = self.replay_place(db, key)?;
                self.database_mut(db).change(place, |entry| entry.set_deadline(deadline_ms));
            }
            Record::Remove { db, key, cause } => {
                let place = self.replay_place(db, key)?;
                self.remove_at(db, place, cause);
                return Ok(());
            }
            Record::Clear { db } => {
                self.known(db)?;
                self.clear(db);
                return Ok(());
            }
            Record::Swap { first, second } => {
                self.known(first)?;
                self.known(second)?;
                self.swap(first, second);
                return Ok(());
            }
        }
        self.emit(|| *record);
        Ok(())
    }

    fn replay_put(
        &mut self,
        db: Db,
        key: &[u8],
        value: super::value::NewValue<'_>,
        deadline_ms: Option<u64>,
    ) -> Result<(), ReplayError> {
        self.known(db)?;
        let (key, value) = (self.key(key), value.decided());
        match self.database(db).find(&key) {
            Some(place) => self.database_mut(db).change(place, |entry| entry.replace(value, deadline_ms)),
            None => {
                self.insert(db, &key, value, deadline_ms);
            }
        }
        Ok(())
    }

    fn known(&self, db: Db) -> Result<(), ReplayError> {
        if db.number() < self.databases() { Ok(()) } else { Err(ReplayError::PeerUnknownDatabase(db)) }
    }

    fn replay_place(&self, db: Db, key: &[u8]) -> Result<Place, ReplayError> {
        self.known(db)?;
        self.database(db).find(&self.key(key)).ok_or(ReplayError::PeerMissingKey)
    }
}
