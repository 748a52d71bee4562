// SPDX-License-Identifier: MIT

//! What all modprobe.d files together say, in the order in which kmod reads them
//! (`libkmod-config.c`, `kmod_config_new`): every file name once, from the first directory that has
//! it, in the order of the names; the kernel's own `modules.softdep` is one of those names.

use super::directive::{self, Directive, Kind};
use super::softdep::{self, Softdep};
use crate::kernel;
use crate::root::Root;
use crate::traced::Traced;
use std::collections::BTreeMap;
use std::io;

/// The directories that modprobe reads, the first of a file's name winning (`libkmod.c`).
pub const DIRECTORIES: [&str; 5] = [
    "/etc/modprobe.d",
    "/run/modprobe.d",
    "/usr/local/lib/modprobe.d",
    "/usr/lib/modprobe.d",
    "/lib/modprobe.d",
];

/// The soft dependencies that modules ask for themselves, below the kernel's module directory.
pub const MODULES_SOFTDEP: &str = "modules.softdep";

/// Everything that modprobe.d says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// The lines of all files in force, in order.
    pub directives: Vec<Directive>,
    /// Files that say something to nobody.
    pub unused: Vec<Unused>,
    /// Files in force that could not be read, with the reason.
    pub unreadable: Vec<String>,
}

/// A file that modprobe does not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unused {
    /// Its path.
    pub path: String,
    /// The file of the same name that is read in its place; `None` where its own name keeps it
    /// from being read.
    pub masked_by: Option<String>,
    /// What it would say.
    pub directives: Vec<Directive>,
}

impl Config {
    /// Reads the directories, and the soft dependencies that the modules of the kernel `release`
    /// ask for.
    pub fn read(root: &Root, release: Option<&str>) -> Self {
        Self::read_directories(root, &DIRECTORIES, release)
    }

    /// The same for other directories.
    pub fn read_directories(root: &Root, directories: &[&str], release: Option<&str>) -> Self {
        let own = release.map(|r| format!("{}/{r}/{MODULES_SOFTDEP}", kernel::MODULES));
        let mut paths = Vec::new();
        for directory in directories {
            let names = root.list(directory);
            let here = names.iter().map(|name| format!("{directory}/{name}"));
            // kmod passes over directories and links that lead nowhere: they mask nothing.
            paths.extend(here.filter(|path| root.path(path).metadata().is_ok_and(|m| !m.is_dir())));
        }
        // /lib is the same as /usr/lib on most systems.
        let real = |path: &str| root.path(path).canonicalize().ok();
        let same = |a: &str, b: &str| real(a) == real(b);
        Self::of(own.as_deref(), &paths, same, |path| read(root, path))
    }

    /// What files say whose paths and texts are known: those of an initramfs.
    pub fn of_files(files: &BTreeMap<String, String>) -> Self {
        let mut paths = Vec::new();
        for directory in DIRECTORIES {
            let is_here =
                |path: &&String| path.rsplit_once('/').is_some_and(|(d, _)| d == directory);
            paths.extend(files.keys().filter(is_here).cloned());
        }
        let is_own = |path: &&String| path.rsplit('/').next() == Some(MODULES_SOFTDEP);
        let own = files.keys().find(is_own).map(String::as_str);
        let text = |path: &str| Ok(files.get(path).cloned().unwrap_or_default());
        Self::of(own, &paths, |_, _| false, text)
    }

    /// Puts the files in order, the first of a name being the one in force. `own` is the kernel's.
    fn of(
        own: Option<&str>,
        paths: &[String],
        is_same_file: impl Fn(&str, &str) -> bool,
        read: impl Fn(&str) -> io::Result<String>,
    ) -> Self {
        let mut config = Self::default();
        let mut files: BTreeMap<&str, &str> = own
            .map(|path| (MODULES_SOFTDEP, path))
            .into_iter()
            .collect();
        let unused = |path: &str, masked_by: Option<&str>| {
            let directives = directive::parse(path, &read(path).ok()?);
            Some(Unused {
                path: path.to_owned(),
                masked_by: masked_by.map(str::to_owned),
                directives,
            })
        };
        for path in paths {
            let name = path.rsplit('/').next().unwrap_or_default();
            if !is_conf(name) {
                config.unused.extend(unused(path, None));
            } else if let Some(by) = files.get(name) {
                if !is_same_file(by, path) {
                    config.unused.extend(unused(path, Some(by)));
                }
            } else {
                files.insert(name, path);
            }
        }
        for path in files.into_values() {
            match read(path) {
                Ok(text) => config.directives.extend(directive::parse(path, &text)),
                Err(error) => config.unreadable.push(error.to_string()),
            }
        }
        config
    }

    /// What `options` lines pass to a module, in the order in which it gets them.
    pub fn options<'a>(&'a self, module: &'a str) -> impl Iterator<Item = &'a Traced> {
        self.directives.iter().filter_map(move |d| match &d.kind {
            Kind::Options {
                module: name,
                arguments,
            } if name == module => Some(arguments),
            _ => None,
        })
    }

    /// The `softdep` lines of a module. The first is in force, the others are not.
    pub fn softdeps<'a>(
        &'a self,
        module: &'a str,
    ) -> impl Iterator<Item = (&'a Directive, &'a Softdep)> {
        self.directives.iter().filter_map(move |d| match &d.kind {
            Kind::Softdep(softdep) if softdep::matches(&softdep.module, module) => {
                Some((d, softdep))
            }
            _ => None,
        })
    }

    /// The line that has rmcp loaded before amdgpu, if it is in force.
    pub fn loads_rmcp_first(&self) -> Option<&Directive> {
        let (line, softdep) = self.softdeps("amdgpu").next()?;
        (softdep.loads_first("rmcp") && self.leads_rmcp_away().is_none()).then_some(line)
    }

    /// The first `alias` line that leads the name rmcp elsewhere, and where, when none leads to rmcp:
    /// a softdep names rmcp, and modprobe looks a name up among the aliases first.
    pub fn leads_rmcp_away(&self) -> Option<(&Directive, &str)> {
        let mut aliases = self.aliases("rmcp").peekable();
        let first = aliases.peek().copied();
        first.filter(|_| aliases.all(|(_, module)| module != "rmcp"))
    }

    /// The `install` line in force for a module: the first.
    pub fn install(&self, module: &str) -> Option<(&Directive, &str)> {
        self.directives.iter().find_map(|d| match &d.kind {
            Kind::Install {
                module: name,
                command,
            } if softdep::matches(name, module) => Some((d, command.as_str())),
            _ => None,
        })
    }

    /// The `alias` lines that a name matches, and the modules that they lead to. modprobe loads all of
    /// these in place of what has the name itself.
    pub fn aliases<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a Directive, &'a str)> {
        self.directives.iter().filter_map(move |d| match &d.kind {
            Kind::Alias {
                name: pattern,
                module,
            } if softdep::matches(pattern, name) => Some((d, module.as_str())),
            _ => None,
        })
    }

    /// The `blacklist` lines of a module.
    pub fn blacklists<'a>(&'a self, module: &'a str) -> impl Iterator<Item = &'a Directive> {
        self.directives
            .iter()
            .filter(move |d| matches!(&d.kind, Kind::Blacklist { module: name } if name == module))
    }
}

/// Whether kmod reads a file of this name.
fn is_conf(name: &str) -> bool {
    !name.starts_with('.') && name.len() > ".conf".len() && name.ends_with(".conf")
}

/// A file's text. What is no plain file says nothing: a link to /dev/null masks, and a pipe would
/// never end.
fn read(root: &Root, path: &str) -> io::Result<String> {
    if root.path(path).is_file() {
        Ok(root.read_whole(path)?.unwrap_or_default())
    } else {
        Ok(String::new())
    }
}
