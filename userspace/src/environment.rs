// SPDX-License-Identifier: MIT

//! The variables that jobs start with: those of this process, and those that files set at a login.
//! The files are read, never executed: whether a line is reached is not known.

use crate::accounts::User;
use crate::root::Root;
use crate::shell;

/// Files of the system's.
const SYSTEM_FILES: [&str; 8] = [
    "/etc/environment",
    "/etc/security/pam_env.conf",
    "/etc/profile",
    "/etc/bash.bashrc",
    "/etc/bashrc",
    "/etc/zsh/zshenv",
    "/etc/zsh/zprofile",
    "/etc/zsh/zshrc",
];

/// Directories of the system's, and how the names of files in them end.
const SYSTEM_DIRECTORIES: [(&str, &str); 5] = [
    ("/etc/profile.d", "sh"),
    ("/etc/environment.d", ".conf"),
    ("/usr/lib/environment.d", ".conf"),
    ("/run/environment.d", ".conf"),
    ("/etc/fish/conf.d", ".fish"),
];

/// Files in a home directory.
const HOME_FILES: [&str; 10] = [
    ".profile",
    ".bash_profile",
    ".bash_login",
    ".bashrc",
    ".zshenv",
    ".zprofile",
    ".zshrc",
    ".pam_environment",
    ".cshrc",
    ".config/fish/config.fish",
];

/// Directories in a home directory.
const HOME_DIRECTORIES: [(&str, &str); 2] = [
    (".config/environment.d", ".conf"),
    (".config/fish/conf.d", ".fish"),
];

/// A variable that is set somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value; `None` when it takes a shell to know it.
    pub value: Option<String>,
    /// Where it is set: a file and a line, or this process.
    pub place: String,
}

/// What was looked through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// The variables, in the order of the files.
    pub variables: Vec<Variable>,
    /// What could not be read, and why.
    pub unread: Vec<String>,
}

impl Environment {
    /// Reads the files of the system and of a user, and this process when it is of that system.
    pub fn read(root: &Root, user: Option<&User>) -> Self {
        let mut found = Self::default();
        if root.is_running_system() {
            found
                .variables
                .extend(std::env::vars_os().filter_map(|(name, value)| {
                    Some(Variable {
                        name: name.into_string().ok()?,
                        value: value.into_string().ok(),
                        place: "this process".to_owned(),
                    })
                }));
        }
        for path in files(root, user) {
            found.read_file(root, &path);
        }
        found
    }

    fn read_file(&mut self, root: &Root, path: &str) {
        match root.read(path) {
            Ok(text) => {
                let text = text.unwrap_or_default();
                let set = shell::assignments(&text).into_iter();
                self.variables.extend(set.map(|assignment| Variable {
                    place: format!("{path}:{}", assignment.line),
                    name: assignment.name,
                    value: assignment.value,
                }));
            }
            Err(error) => self.unread.push(error.to_string()),
        }
    }
}

fn files(root: &Root, user: Option<&User>) -> Vec<String> {
    let listed = |directory: String, end: &'static str| {
        let names = root.list(&directory).into_iter();
        names
            .filter(move |name| name.ends_with(end))
            .map(move |name| format!("{directory}/{name}"))
    };
    let mut files: Vec<String> = SYSTEM_FILES.iter().map(|&file| file.to_owned()).collect();
    for (directory, end) in SYSTEM_DIRECTORIES {
        files.extend(listed(directory.to_owned(), end));
    }
    if let Some(home) = user.map(|user| user.home.trim_end_matches('/')) {
        files.extend(HOME_FILES.iter().map(|file| format!("{home}/{file}")));
        for (directory, end) in HOME_DIRECTORIES {
            files.extend(listed(format!("{home}/{directory}"), end));
        }
    }
    files
}
