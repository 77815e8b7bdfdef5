//! The network lab: real daemons in network namespaces, and faults between them.
