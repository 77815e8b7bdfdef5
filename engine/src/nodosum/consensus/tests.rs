//! The storage under consensus, held against the suite that openraft brings.

use openraft::StorageError;
use openraft::testing::{StoreBuilder, Suite};
use tokio::sync::watch;

use super::*;

struct InMemory;

impl StoreBuilder<Types, LogStore, Machine> for InMemory {
    async fn build(&self) -> Result<((), LogStore, Machine), StorageError<NodeId>> {
        let store = Store::in_memory().expect("memory does not refuse");
        let (publish, _) = watch::channel(Applied::default());
        let machine = Machine::restore(store.clone(), publish).expect("an empty store is readable");
        Ok(((), LogStore::new(store), machine))
    }
}

#[test]
fn log_and_machine_are_what_openraft_expects() {
    Suite::test_all(InMemory).expect("the suite passes");
}

#[test]
fn a_directory_belongs_to_one_cluster_and_every_life_is_a_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let open = || Store::open(directory.path()).unwrap();
    let (id, first) = open().begin_life("orders", [7; 20]).unwrap();
    let (same, second) = open().begin_life("orders", [8; 20]).unwrap();
    assert_eq!((id, same), (NodeId([7; 20]), NodeId([7; 20])));
    assert!(second > first);
    let error = open().begin_life("billing", [9; 20]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the data directory belongs to cluster 'orders', not to 'billing'; give the node a directory of its own"
    );
}
