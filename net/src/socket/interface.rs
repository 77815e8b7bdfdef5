//! The network interfaces of this machine, with their addresses.
//!
//! Sources: getifaddrs(3), netdevice(7).
#![expect(unsafe_code, reason = "walks the list that getifaddrs makes")]

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr::null_mut;

/// An interface that is up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    /// As the system calls it.
    pub name: String,
    /// As the system counts it.
    pub index: u32,
    /// What is sent there stays on this machine.
    pub is_loopback: bool,
    /// It carries multicast. Loopback interfaces do, although the system does not say so.
    pub is_multicast: bool,
    /// Its IPv4 addresses, the primary one first.
    pub ipv4: Vec<Ipv4Addr>,
    /// Its IPv6 addresses, in the system's order.
    pub ipv6: Vec<Ipv6Addr>,
}

/// The interfaces that are up, in the order of their indexes.
///
/// # Errors
///
/// What `getifaddrs` says.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    let list = List::new()?;
    let mut interfaces: BTreeMap<u32, Interface> = BTreeMap::new();
    for Entry { name, flags, address } in list.entries() {
        let Some(index) = index(&name) else { continue };
        if flags & libc::IFF_UP == 0 {
            continue;
        }
        let is_loopback = flags & libc::IFF_LOOPBACK != 0;
        let interface = interfaces.entry(index).or_insert_with(|| Interface {
            name: name.to_string_lossy().into_owned(),
            index,
            is_loopback,
            is_multicast: is_loopback || flags & libc::IFF_MULTICAST != 0,
            ipv4: Vec::new(),
            ipv6: Vec::new(),
        });
        match address {
            Some(IpAddr::V4(address)) => interface.ipv4.push(address),
            Some(IpAddr::V6(address)) => interface.ipv6.push(address),
            None => {}
        }
    }
    Ok(interfaces.into_values().collect())
}

/// None if the interface is gone by now.
fn index(name: &CStr) -> Option<u32> {
    // SAFETY: the name ends with a zero and is only read.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    (index > 0).then_some(index)
}

/// One address of an interface, or the interface without one.
struct Entry {
    name: CString,
    flags: i32,
    address: Option<IpAddr>,
}

/// What `getifaddrs` made, until it is freed.
struct List(*mut libc::ifaddrs);

impl List {
    fn new() -> io::Result<Self> {
        let mut first = null_mut();
        // SAFETY: the call fills a local with the start of a list that is ours to free.
        let outcome = unsafe { libc::getifaddrs(&raw mut first) };
        if outcome == 0 { Ok(Self(first)) } else { Err(io::Error::last_os_error()) }
    }

    fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut at = self.0;
        // SAFETY: the list is whole until it is dropped; it ends with a null, and every link before that is valid.
        while let Some(entry) = unsafe { at.as_ref() } {
            // SAFETY: every entry has a name that ends with a zero and lives as long as the list.
            let name = unsafe { CStr::from_ptr(entry.ifa_name) }.to_owned();
            // The flags of an interface fit into sixteen bits.
            let flags = i32::try_from(entry.ifa_flags & 0xFFFF).expect("sixteen bits");
            entries.push(Entry { name, flags, address: address(entry) });
            at = entry.ifa_next;
        }
        entries
    }
}

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: the list was made by getifaddrs and is freed once; nothing refers to it any more.
        unsafe { libc::freeifaddrs(self.0) };
    }
}

fn address(entry: &libc::ifaddrs) -> Option<IpAddr> {
    // SAFETY: null, or the address of the entry, which starts with its family.
    let family = unsafe { entry.ifa_addr.as_ref() }?.sa_family;
    match i32::from(family) {
        libc::AF_INET => {
            // SAFETY: an address of this family is a `sockaddr_in`; it may lie anywhere.
            let address = unsafe { entry.ifa_addr.cast::<libc::sockaddr_in>().read_unaligned() };
            Some(IpAddr::from(address.sin_addr.s_addr.to_ne_bytes()))
        }
        libc::AF_INET6 => {
            // SAFETY: an address of this family is a `sockaddr_in6`; it may lie anywhere.
            let address = unsafe { entry.ifa_addr.cast::<libc::sockaddr_in6>().read_unaligned() };
            Some(IpAddr::from(address.sin6_addr.s6_addr))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_is_there() {
        let interfaces = interfaces().expect("the list");
        let loopback =
            interfaces.iter().find(|interface| interface.is_loopback).expect("every machine has one");
        assert!(loopback.is_multicast);
        assert!(loopback.ipv4.contains(&Ipv4Addr::LOCALHOST), "{loopback:?}");
        assert!(interfaces.is_sorted_by_key(|interface| interface.index));
    }
}
