// SPDX-License-Identifier: MIT

//! Why a job is better not started.

use crate::commands::detect::{self, Answer, Gpu};
use crate::report::printable;
use crate::root::Root;

/// Every reason, each a sentence; none when it may be started.
pub(super) fn reasons(root: &Root) -> Vec<String> {
    let reasons: Vec<String> = match detect::gpus(root, None) {
        Ok(gpus) if gpus.is_empty() => detect::unseen(root)
            .map(str::to_owned)
            .into_iter()
            .collect(),
        Ok(gpus) => gpus.iter().filter_map(reason).collect(),
        Err(error) => vec![format!(
            "whether the GPUs are guarded cannot be told: {error:#}"
        )],
    };
    reasons.iter().map(|reason| printable(reason)).collect()
}

/// A GPU that no job can use does not count.
fn reason(gpu: &Gpu) -> Option<String> {
    if !gpu.within_reach {
        return None;
    }
    let Gpu { bdf, chip, .. } = gpu;
    match &gpu.guarded {
        Answer::Yes => None,
        Answer::No(why) => Some(format!("{bdf} {chip} is not guarded: {why}")),
        Answer::Unseen(why) => Some(format!(
            "whether {bdf} {chip} is guarded cannot be told: {why}"
        )),
    }
}
