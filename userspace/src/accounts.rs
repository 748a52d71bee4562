// SPDX-License-Identifier: MIT

//! The accounts of a system, as `/etc/passwd` and `/etc/group` name them, and whether one may use a
//! device.

use crate::access_list;
use crate::root::Root;
use anyhow::{Context, Result};
use rustix::process::{getgid, getuid};
use std::fs;
use std::os::unix::fs::MetadataExt;

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// Its first group.
    pub gid: u32,
    /// Whose it is.
    pub full_name: String,
    /// Its home directory.
    pub home: String,
    /// The names of all its groups.
    pub groups: Vec<String>,
}

/// Every account.
pub fn users(root: &Root) -> Vec<User> {
    let groups = groups(root);
    lines(root, "/etc/passwd")
        .iter()
        .filter_map(|line| {
            let [name, _, uid, gid, full_name, home, ..] = line.as_slice() else {
                return None;
            };
            let gid = gid.parse().ok()?;
            Some(User {
                name: name.clone(),
                uid: uid.parse().ok()?,
                gid,
                full_name: full_name.clone(),
                home: home.clone(),
                groups: groups
                    .iter()
                    .filter(|group| group.gid == gid || group.members.contains(name))
                    .map(|group| group.name.clone())
                    .collect(),
            })
        })
        .collect()
}

/// The name and the number of every group.
pub fn group_names(root: &Root) -> Vec<(String, u32)> {
    let groups = groups(root).into_iter();
    groups.map(|group| (group.name, group.gid)).collect()
}

/// Who runs this program; under sudo, who called sudo. `None` when that account is not listed.
pub fn caller(root: &Root) -> Option<User> {
    let own = getuid().as_raw();
    let sudo = std::env::var("SUDO_UID")
        .ok()
        .and_then(|uid| uid.parse().ok());
    numbered(root, if own == 0 { sudo.unwrap_or(own) } else { own })
}

/// The account of this process, whoever called sudo. `None` when it is not listed.
pub fn own(root: &Root) -> Option<User> {
    numbered(root, getuid().as_raw())
}

fn numbered(root: &Root, uid: u32) -> Option<User> {
    users(root).into_iter().find(|user| user.uid == uid)
}

/// Why there is no user to look at below another root.
pub const NOBODY: &str = "below another root a user must be named with --user";

/// The user that a command was asked to look at; else the caller, who may be one that is not listed, as
/// in a container. `None` below another root, where this process is nobody ([`NOBODY`]).
///
/// # Errors
///
/// When there is no user of that name.
pub fn asked(root: &Root, name: Option<&str>) -> Result<Option<User>> {
    match name {
        Some(name) => named(root, name).map(Some),
        None => Ok(root
            .is_running_system()
            .then(|| caller(root).unwrap_or_else(unlisted))),
    }
}

/// The user of this name.
///
/// # Errors
///
/// When there is none.
pub fn named(root: &Root, name: &str) -> Result<User> {
    users(root)
        .into_iter()
        .find(|user| user.name == name)
        .with_context(|| format!("there is no user {name:?} in /etc/passwd"))
}

/// Who runs this program, by what the process itself knows.
fn unlisted() -> User {
    let uid = getuid().as_raw();
    User {
        name: format!("the user {uid}"),
        uid,
        gid: getgid().as_raw(),
        full_name: String::new(),
        home: std::env::var("HOME").unwrap_or_default(),
        groups: Vec::new(),
    }
}

/// Whether a user may read and write a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// There is no such device.
    Missing,
    /// Yes.
    Granted,
    /// No.
    Denied {
        /// The group that may, if one may.
        group: Option<String>,
        /// Whether the user is in that group already, so that this login is older than that.
        member: bool,
    },
    /// It cannot be told, and why.
    Unknown(String),
}

impl Access {
    /// What keeps the user from the device, in one sentence.
    pub fn obstacle(&self, user: &User, device: &str) -> Option<String> {
        let name = &user.name;
        Some(match self {
            Self::Granted => return None,
            Self::Missing => format!("{device} is not there, though its driver is"),
            Self::Unknown(why) => format!("{device}: {why}"),
            Self::Denied {
                member: true,
                group: Some(group),
            } => format!("{name} is in the group {group}, but this login is older than that"),
            Self::Denied {
                group: Some(group), ..
            } => format!("{name} may not use {device}, which the group {group} may"),
            Self::Denied { group: None, .. } => {
                format!("{name} may not use {device}, nor may any group")
            }
        })
    }
}

/// Whether the user may read and write the device.
pub fn access(root: &Root, user: &User, device: &str) -> Access {
    let path = root.path(device);
    let metadata = match fs::metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Access::Missing,
        Err(error) => return Access::Unknown(error.to_string()),
    };
    let groups = groups(root);
    let owners = groups.iter().find(|group| group.gid == metadata.gid());
    let group = owners.map(|group| group.name.clone());
    let in_groups = groups
        .iter()
        .filter(|group| user.groups.contains(&group.name))
        .map(|group| group.gid)
        .chain([user.gid]);
    let gids: Vec<u32> = in_groups.collect();
    let member = gids.contains(&metadata.gid());
    let bits = |shift: u32| metadata.mode() >> shift & 6 == 6;
    let granted = if root.is_running_system() && user.uid == getuid().as_raw() {
        // The kernel knows more: the groups of this very login.
        rustix::fs::access(
            &path,
            rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK,
        )
        .is_ok()
    } else if user.uid == 0 {
        true
    } else if user.uid == metadata.uid() {
        bits(6)
    } else if let Some(list) = access_list::read(&path) {
        list.grants(user.uid, metadata.gid(), &gids)
    } else if member {
        bits(3)
    } else {
        bits(0)
    };
    if granted {
        Access::Granted
    } else {
        Access::Denied {
            group: group.filter(|_| bits(3)),
            member,
        }
    }
}

struct Group {
    name: String,
    gid: u32,
    members: Vec<String>,
}

fn groups(root: &Root) -> Vec<Group> {
    lines(root, "/etc/group")
        .iter()
        .filter_map(|line| {
            let [name, _, gid, members, ..] = line.as_slice() else {
                return None;
            };
            Some(Group {
                name: name.clone(),
                gid: gid.parse().ok()?,
                members: members.split(',').map(str::to_owned).collect(),
            })
        })
        .collect()
}

/// The fields of each line.
fn lines(root: &Root, path: &str) -> Vec<Vec<String>> {
    let text = root.read(path).ok().flatten().unwrap_or_default();
    text.lines()
        .map(|line| line.split(':').map(str::to_owned).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::PermissionsExt;

    const DEVICE: &str = "/device";

    /// A system with a device of this mode, which is in the test's own group, called render.
    fn tree(mode: u32, render: &str) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("etc")).unwrap();
        let device = directory.path().join("device");
        fs::write(&device, "").unwrap();
        fs::set_permissions(&device, fs::Permissions::from_mode(mode)).unwrap();
        let gid = fs::metadata(&device).unwrap().gid();
        let write = |name: &str, text: &str| {
            fs::write(directory.path().join("etc").join(name), text).unwrap();
        };
        write(
            "passwd",
            "root:x:0:0::/root:/bin/sh\nann:x:4242:4242:Ann:/home/ann:/bin/sh\n",
        );
        write("group", &format!("render:x:{gid}:{render}\nann:x:4242:\n"));
        directory
    }

    fn ann(mode: u32, render: &str) -> Access {
        let directory = tree(mode, render);
        let root = Root::new(directory.path());
        let user = users(&root).into_iter().find(|user| user.name == "ann");
        access(&root, &user.unwrap(), DEVICE)
    }

    #[test]
    fn a_group_opens_a_device_to_its_members() {
        assert_eq!(ann(0o660, "bob,ann"), Access::Granted);
        assert_eq!(ann(0o666, ""), Access::Granted);
        let denied = |group: Option<&str>, member| Access::Denied {
            group: group.map(str::to_owned),
            member,
        };
        assert_eq!(ann(0o660, "bob"), denied(Some("render"), false));
        assert_eq!(ann(0o600, "ann"), denied(None, true));
        assert_eq!(ann(0o606, "ann"), denied(None, true));
    }

    #[test]
    fn a_device_that_is_not_there_is_missing() {
        let directory = tree(0o660, "");
        let root = Root::new(directory.path());
        assert_eq!(access(&root, &users(&root)[0], "/none"), Access::Missing);
        assert_eq!(access(&root, &users(&root)[0], DEVICE), Access::Granted);
    }

    #[test]
    fn groups_are_the_first_and_the_others() {
        let directory = tree(0o660, "ann");
        let users = users(&Root::new(directory.path()));
        assert_eq!(users[1].groups, ["render", "ann"]);
        assert_eq!(users[1].home, "/home/ann");
    }

    proptest! {
        #[test]
        fn no_account_file_panics(passwd: String, group: String) {
            let directory = tree(0o660, "");
            fs::write(directory.path().join("etc/passwd"), passwd).unwrap();
            fs::write(directory.path().join("etc/group"), group).unwrap();
            users(&Root::new(directory.path()));
        }
    }
}
