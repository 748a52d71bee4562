// SPDX-License-Identifier: MIT

//! The job's environment: this process's, with what profiles change of it.

use crate::accounts;
use crate::cli;
use crate::report::printable;
use crate::root::Root;
use crate::variables::profile::{Profiles, DEFAULT};
use crate::variables::{self, job, own};
use anyhow::{anyhow, Result};

/// What the job has otherwise than this process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Environment {
    pub(super) set: Vec<(String, String)>,
    /// Of the variables that this process has.
    pub(super) unset: Vec<String>,
    /// What does harm all the same, each a sentence.
    pub(super) harm: Vec<String>,
}

impl Environment {
    /// Without a profile nothing is changed: what does harm is then a person's to mend.
    ///
    /// # Errors
    ///
    /// When a profile does not exist or cannot be used, or the GPUs cannot be read.
    pub(super) fn of(root: &Root, args: &cli::Run) -> Result<Self> {
        let gpus = variables::gpus(root)?;
        let mut environment = Self::default();
        if !args.profiles.is_empty() {
            let user = accounts::asked(root, None)?;
            let profiles = Profiles::read(root, user.as_ref().map(|user| user.home.as_str()));
            let job = job::Job::by_names(&gpus, &profiles, &args.profiles);
            let job = job.map_err(|why| anyhow!(why))?;
            let set = job.set.into_iter().map(|set| (set.name, set.value));
            environment.set = set.collect();
            environment.harm = job.warnings;
            environment.unset = own()
                .filter(|(name, value)| {
                    let mut unset = job.unset.iter().filter(|unset| unset.name == *name);
                    unset
                        .any(|unset| unset.unless.is_none() || variables::harms(name, value, &gpus))
                })
                .map(|(name, _)| name)
                .collect();
        }
        let stays = |name: &String| {
            !environment.unset.contains(name) && environment.set.iter().all(|(set, _)| set != name)
        };
        let harm = own()
            .filter(|(name, value)| stays(name) && variables::harms(name, value, &gpus))
            .map(|(name, value)| {
                let does = variables::find(&name).map_or("", |known| known.does);
                format!(
                    "{name}={value} does harm on this GPU: {does}; unset it, or take it away with \
                     --profile {DEFAULT}"
                )
            });
        let harm: Vec<String> = harm.map(|text| printable(&text)).collect();
        environment.harm.extend(harm);
        Ok(environment)
    }
}
