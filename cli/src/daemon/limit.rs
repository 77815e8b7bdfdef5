//! The limit of open files, raised to what the configured number of clients needs.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files of the daemon's own: listeners, rings, event descriptors, the log and snapshots of every core.
const OWN_FILES: u64 = 1024;

/// Raises the limit and returns how many clients fit: `maxclients`, or fewer if the kernel grants fewer files.
pub(super) fn raise_open_files(maxclients: u32) -> u32 {
    let wanted = u64::from(maxclients) + OWN_FILES;
    let limit = getrlimit(Resource::Nofile);
    let (Some(soft), hard) = (limit.current, limit.maximum) else { return maxclients };
    if soft >= wanted {
        return maxclients;
    }
    let hard_suffices = hard.is_none_or(|hard| hard >= wanted);
    let tries = [Some(wanted).filter(|_| hard_suffices), hard.map(|hard| hard.max(wanted)), hard];
    let raised = tries.into_iter().flatten().find(|&current| {
        let maximum = hard.map(|hard| hard.max(current));
        setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum }).is_ok()
    });
    let granted = raised.unwrap_or(soft);
    if granted >= wanted {
        return maxclients;
    }
    let fitting = fitting_clients(granted);
    tracing::warn!(open_files = granted, maxclients, fitting, "the limit of open files admits fewer clients");
    fitting.min(maxclients)
}

/// Clients that fit under a limit; at least one, so that somebody can come in and look.
fn fitting_clients(open_files: u64) -> u32 {
    let own = OWN_FILES.min(open_files / 2);
    u32::try_from(open_files - own).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_limit_leaves_room_for_our_own_files() {
        for (open_files, clients) in
            [(0, 1), (2, 1), (256, 128), (1024, 512), (4096, 3072), (u64::MAX, u32::MAX)]
        {
            assert_eq!(fitting_clients(open_files), clients, "{open_files}");
        }
    }

    #[test]
    fn a_number_of_clients_that_fits_is_left_alone() {
        assert_eq!(raise_open_files(1), 1);
    }
}
