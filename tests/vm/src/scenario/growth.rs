// SPDX-License-Identifier: MIT

//! Whether rounds of something leave objects behind in the kernel's slab caches. amdgpu has growth of
//! its own, with every bind; rmcp must add none to it.

use super::support::{
    expect_no_more_errors, expect_registers, kernel_errors, start_enforced, Meanwhile, MEANWHILE,
};
use crate::progress::say;
use crate::report::Retry;
use crate::vm::Vm;
use anyhow::{ensure, Context, Result};
use std::collections::{BTreeMap, BTreeSet};

/// Rounds in which caches fill, before anything is measured.
const FIRST: usize = 2;
/// How often the caches are looked at.
const LOOKS: usize = 5;
/// What may be uncertain all the same, in what is compared and in what it is compared with.
const UNCERTAIN_SLABS: i64 = 2 * 2;
/// What the security modules note of each inode. It goes with the inode, whose own cache is one that
/// the kernel empties when it needs memory; this one is not marked so.
const OF_INODES: &str = "lsm_inode_cache";
/// All CPUs but the first.
const OTHER_CPUS: &str = "/sys/devices/system/cpu/cpu[1-9]*/online";

/// So many rounds with rmcp in force, which stays, goes and comes meanwhile, leave nothing behind
/// that as many without it do not, after each of which the registers are the driver's own. The
/// kernel logs no error in any of them.
pub(super) fn expect_none_of_rmcp(
    vm: &mut Vm,
    rounds: usize,
    mut with: impl FnMut(&mut Vm, &Meanwhile) -> Result<()>,
    mut without: impl FnMut(&mut Vm) -> Result<()>,
) -> Result<()> {
    start_enforced(vm)?;
    let errors = kernel_errors(vm)?.len();
    let with = Growth::of(vm, "with rmcp", rounds, |vm, number| {
        with(vm, &MEANWHILE[number % MEANWHILE.len()])
    })?;
    vm.guest.check("rmmod rmcp")?;
    let without = Growth::of(vm, "without rmcp", rounds, |vm, _| {
        without(vm)?;
        expect_registers(vm, Retry::On)
    })?;
    let more = with.beyond(&without);
    ensure!(
        more.is_empty(),
        "more is left behind with rmcp than without it: {}",
        more.join("; ")
    );
    expect_no_more_errors(vm, errors)
}

/// What is left behind is seen: here, files of a file system in memory.
pub(super) fn is_seen(vm: &mut Vm) -> Result<()> {
    const ROUNDS: usize = 10;
    let planted = Growth::of(vm, "planted", ROUNDS, |vm, _| {
        let plant = "for i in $(seq 20); do mktemp /run/rmcp-planted.XXXXXX; done";
        vm.guest.check(plant).map(drop)
    })?;
    let nothing = Growth::of(vm, "nothing", ROUNDS, |vm, _| {
        vm.guest
            .check("for i in $(seq 20); do true; done")
            .map(drop)
    })?;
    vm.guest.check("rm /run/rmcp-planted.*")?;
    let more = planted.beyond(&nothing);
    ensure!(
        more.iter()
            .any(|line| line.starts_with("shmem_inode_cache: ")),
        "files left behind in every round were not seen, but {more:?}"
    );
    Ok(())
}

/// A slab cache.
#[derive(Debug, Clone, Copy)]
struct Cache {
    objects: i64,
    per_slab: i64,
}

type Caches = BTreeMap<String, Cache>;

/// What the caches held at two moments.
#[derive(Debug)]
struct Growth {
    before: Caches,
    after: Caches,
}

impl Growth {
    /// Lets so many rounds pass, each told how many went before it, and watches what the kernel
    /// holds.
    fn of(
        vm: &mut Vm,
        what: &str,
        rounds: usize,
        mut round: impl FnMut(&mut Vm, usize) -> Result<()>,
    ) -> Result<Self> {
        let mut pass = |vm: &mut Vm, numbers: std::ops::Range<usize>| {
            for number in numbers {
                say(format_args!("{what}: {} of {rounds}", number + 1));
                round(vm, number).with_context(|| format!("{what}: {} of {rounds}", number + 1))?;
            }
            caches(vm)
        };
        Ok(Self {
            before: pass(vm, 0..FIRST)?,
            after: pass(vm, FIRST..rounds)?,
        })
    }

    fn objects(&self, name: &str) -> i64 {
        let objects = |caches: &Caches| caches.get(name).map_or(0, |cache| cache.objects);
        objects(&self.after) - objects(&self.before)
    }

    /// Every cache that has grown more than in the control.
    fn beyond(&self, control: &Self) -> Vec<String> {
        self.after
            .iter()
            .filter_map(|(name, cache)| {
                let (grown, own) = (self.objects(name), control.objects(name));
                (grown - own > UNCERTAIN_SLABS * cache.per_slab)
                    .then(|| format!("{name}: {grown} objects, not {own}"))
            })
            .collect()
    }
}

/// What the kernel holds when the processes that udev started have ended, and it has given back all
/// that it can. What CPUs keep at hand of a cache counts as in use: a hundred objects and more for
/// each. Those that are switched off keep nothing, and of the one that looks the least of several looks
/// is the nearest.
fn caches(vm: &mut Vm) -> Result<Caches> {
    vm.guest.check(
        "udevadm settle && \
         for i in $(seq 60); do grep -qs udev-worker /proc/[0-9]*/comm || break; sleep 1; done && \
         sync && echo 3 >/proc/sys/vm/drop_caches",
    )?;
    switch_other_cpus(vm, false)?;
    let reclaimable = vm
        .guest
        .check("grep -l 1 /sys/kernel/slab/*/reclaim_account")?;
    let mut least = Caches::new();
    for _ in 0..LOOKS {
        let slabinfo = vm.guest.check(
            "sleep 1; for cache in /sys/kernel/slab/*/shrink; do echo 1 >$cache || exit 1; done; \
             cat /proc/slabinfo",
        )?;
        for (name, cache) in parse(&slabinfo, &reclaimable)? {
            let known = least.entry(name).or_insert(cache);
            known.objects = known.objects.min(cache.objects);
        }
    }
    switch_other_cpus(vm, true)?;
    Ok(least)
}

fn switch_other_cpus(vm: &mut Vm, on: bool) -> Result<()> {
    let value = u8::from(on);
    vm.guest.check(&format!(
        "for cpu in {OTHER_CPUS}; do echo {value} >$cpu || exit 1; done"
    ))?;
    Ok(())
}

/// Reads `/proc/slabinfo`, without the caches which the kernel empties when it needs memory: those
/// of file systems, which grow with what a guest logs.
fn parse(slabinfo: &str, reclaimable: &str) -> Result<Caches> {
    let reclaimable: BTreeSet<&str> = reclaimable
        .lines()
        .filter_map(|path| path.split('/').nth(4))
        .collect();
    let mut caches = Caches::new();
    for line in slabinfo.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, objects, _, _, per_slab, ..] = words[..] else {
            continue;
        };
        let (Ok(objects), Ok(per_slab)) = (objects.parse(), per_slab.parse()) else {
            continue; // The two lines above the caches.
        };
        if !reclaimable.contains(name) && name != OF_INODES {
            caches.insert(name.to_owned(), Cache { objects, per_slab });
        }
    }
    ensure!(!caches.is_empty(), "/proc/slabinfo lists no caches");
    Ok(caches)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn growth(before: i64, after: i64) -> Growth {
        let caches = |objects| {
            let cache = Cache {
                objects,
                per_slab: 10,
            };
            Caches::from([("kmalloc-64".to_owned(), cache)])
        };
        Growth {
            before: caches(before),
            after: caches(after),
        }
    }

    #[test]
    fn more_than_the_control_leaves_is_seen() {
        assert_eq!(growth(100, 141).beyond(&growth(0, 0)).len(), 1);
        assert_eq!(growth(100, 641).beyond(&growth(100, 600)).len(), 1);
        let unknown = Growth {
            before: Caches::new(),
            after: Caches::new(),
        };
        assert_eq!(growth(0, 41).beyond(&unknown).len(), 1);
    }

    #[test]
    fn what_cpus_hold_and_what_the_control_leaves_is_not() {
        assert!(growth(100, 140).beyond(&growth(100, 100)).is_empty());
        assert!(growth(100, 600).beyond(&growth(100, 600)).is_empty());
        assert!(growth(500, 100).beyond(&growth(100, 100)).is_empty());
    }

    #[test]
    fn caches_are_read() {
        let slabinfo = "slabinfo - version: 2.1\n\
                        # name <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>\n\
                        kmalloc-64   1234   2048     64   64    1 : tunables    0    0    0\n\
                        lsm_inode_cache   9   10     72   56    1 : tunables    0    0    0\n\
                        dentry   99   100     192   21    1 : tunables    0    0    0\n";
        let caches = parse(slabinfo, "/sys/kernel/slab/dentry/reclaim_account\n").unwrap();
        assert_eq!(caches.len(), 1);
        let cache = caches["kmalloc-64"];
        assert_eq!((cache.objects, cache.per_slab), (1234, 64));
        assert!(parse("slabinfo - version: 2.1\n", "").is_err());
    }
}
