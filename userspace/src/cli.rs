// SPDX-License-Identifier: MIT

//! The command line, and the help that teaches it.

use crate::commands::run::{Fallback, Preset};
use crate::faultlog::since::Since;
use clap::{Args, ColorChoice, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// Pins the memory policy of RDNA1 and RDNA2 GPUs under the stock amdgpu driver, and shows that it
/// is in force.
#[derive(Debug, Parser)]
#[command(
    name = "rmcp-kctl",
    version,
    propagate_version = true,
    after_help = "Start with 'rmcp-kctl install --dry-run'; after a reboot, 'rmcp-kctl status'."
)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// Read the system below this directory instead of /
    #[arg(long, global = true, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// Say more, such as the output of the programs that are run
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// When to colour the output
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show per GPU what is in force: wanted, live and what amdgpu had before rmcp
    ///
    /// Exit codes: 0 the policy is enforced on every RDNA1/RDNA2 GPU; 1 an error; 2 it is not in
    /// effect, and the output says why and what to do; 3 there is no such GPU.
    ///
    /// With --prometheus the metrics have a sample rmcp_read_success, which is 0 when the status could
    /// not be read; all others are then absent.
    Status(Status),
    /// Tell a script whether a job may be started: which GPU, guarded or not, usable or not
    ///
    /// Prints a line for each RDNA1/RDNA2 GPU: its address, chip and instruction set, guarded=yes or no
    /// (as 'status' has it), usable=yes or no (amdkfd has a node of it, and the user may open /dev/kfd
    /// and its render node), and after a colon why not. What cannot be seen from here, as in a
    /// container, is said to be unseen, not guessed.
    ///
    /// Exit codes: 0 at least one is usable, and each usable one is guarded; 1 an error; 2 one is not
    /// guarded and not known to be unusable; 3 there is no such GPU; 4 there is, but none is usable;
    /// 5 what the answer rests on cannot be seen.
    Detect(Detect),
    /// Check everything from the kernel to the environment of jobs, and say what to type
    ///
    /// Changes nothing. Each finding says what was found, why it matters, what to do and where to
    /// read about it. Exit codes: 0 nothing worse than a note; 1 doctor itself failed; 2 an error
    /// was found; 3 no error, but no RDNA1/RDNA2 GPU either; 4 a warning was found.
    Doctor(Doctor),
    /// Print the environment that a job on this GPU should have
    ///
    /// By default that is nothing to set, and the variables that do harm on the GPUs of this machine
    /// taken away. Profiles set more: 'rmcp-kctl env --list' names them, and 'rmcp-kctl env --explain
    /// HSA_XNACK' tells what a variable does, what is said of it, since when and where that can be read.
    ///
    /// In a shell: eval "$(rmcp-kctl env)", or in fish: rmcp-kctl env --format fish | source. For every
    /// login: rmcp-kctl env --output /etc/profile.d/zz-rmcp-env.sh (uninstall leaves that file alone).
    ///
    /// Profiles of your own are files, NAME.toml in ~/.config/rmcp or /etc/rmcp/profiles.d:
    /// about = "what it is for", unset = ["NAME", ...], and below [set] lines like NAME = "value".
    ///
    /// Exit codes: 0 printed; 1 an error, and nothing was printed; 3 printed, but there is no RDNA1/RDNA2
    /// GPU, so that nothing is known to do harm; 4 printed, but a profile of your own sets what does harm
    /// on this GPU.
    Env(Env),
    /// Confirm each policy by sources other than rmcp's own word
    ///
    /// noretry is read from the registers of both memory hubs of the GPU (bit 7 of
    /// GCVM_CONTEXT1..15_CNTL and MMVM_CONTEXT1..15_CNTL, through debugfs), fragment_size from what
    /// amdgpu tells user space (DEV_INFO, through the render node), mtype_cc from the kernel's list of
    /// kprobes, and with --probe from a page table. amdgpu's options are shown, and confirm nothing:
    /// they are what it was asked for. What cannot be read is said, with the reason. An amdgpu that has
    /// the policy itself (gmc_v10_*) is held against the same sources, but for the kprobes, which it
    /// does not use: what it does with mtype_cc only --probe shows.
    ///
    /// Root sees most. Nothing is changed, but that for the moment of reading registers the graphics
    /// block is kept from being switched off (GFXOFF). A GPU that sleeps is not woken.
    ///
    /// Exit codes: 0 every policy is confirmed by at least one other source, and contradicted by none
    /// (one that a parameter leaves to amdgpu needs no confirmation); 1 an error; 2 contradicted, or
    /// who keeps the policy does not say "enforced"; 3 there is no RDNA1/RDNA2 GPU; 4 nothing
    /// contradicts, but nothing confirms some policy either.
    Verify(Verify),
    /// Read page faults, timeouts and resets of AMD GPUs out of a log, and explain them
    ///
    /// Lines of amdgpu, amdkfd and ROCr, as Linux 5.15 to 7.3 and ROCm print them, with whatever dmesg,
    /// syslog or journalctl put before them, are decoded with the driver's own tables and grouped into
    /// incidents: when, which GPU, which process, which of the GPU's clients, the address, what was
    /// tried and what the page-table entry lacked, and what followed. Then what that means and what to
    /// try, each with its source. With --json an incident is one object in one line.
    ///
    /// The names of clients and VMIDs are those of RDNA1 and RDNA2 (GC 10.1.x and 10.3.x). The kernel
    /// limits how much it logs: counts are lower bounds.
    ///
    /// Exit codes: 0 nothing was found; 1 the log could not be read; 2 something was found.
    #[command(
        after_help = "Examples:\n  sudo rmcp-kctl faults\n  rmcp-kctl faults --journal --since 2d\n  dmesg | rmcp-kctl faults -\n  rmcp-kctl faults --follow --json --journal"
    )]
    Faults(Faults),
    /// Build and install the module for every kernel that can have it, and load it at boot
    ///
    /// Shows its plan and asks before it changes anything. What it does is written down step by step
    /// in /var/lib/rmcp/journal.json: a step that fails takes back those before it, and after a power
    /// cut a second 'install' completes what is half done, or 'uninstall' removes it. What a user
    /// changed in a file of rmcp's is kept. Exit codes: 0 installed, or nothing to do; 1 an error, and
    /// the output says what was found and what to do.
    Install(Install),
    /// Undo what install did, and unload the module
    ///
    /// Packages that install brought stay. Exit codes: 0 uninstalled, or nothing to do; 1 an error.
    Uninstall(Uninstall),
    /// Check, list and mend the parameters of amdgpu and rmcp
    #[command(subcommand)]
    Params(Params),
    /// Start a job on guarded GPUs, and end as it does
    ///
    /// The job has a process group of its own, and the terminal while it runs: Ctrl-C, Ctrl-Z and fg do
    /// what they do without rmcp-kctl. SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1 and SIGUSR2 are passed
    /// on to all its processes. What of it outlives its first process is left alone. In a pipeline,
    /// another program that reads the terminal, such as less, has to wait until the job ended.
    ///
    /// While it runs, the kernel's log (/dev/kmsg, else journalctl) is watched for GPU faults of its
    /// processes, and its standard error for what ROCr prints of them. A standard error that is a
    /// terminal is left alone; any other passes through here byte for byte, and together with standard
    /// output where both are one file. A program that a daemon starts, as docker does, is not of the
    /// job. The terminal's title shows the memory of the job's processes, the video memory that is in use
    /// and whether a fault was seen; a pipe or a file gets nothing of it.
    ///
    /// When a fault was seen, a directory that only this user may read gets the decoded incidents,
    /// the last lines of the kernel and of standard error, the environment (without what looks like a
    /// secret), the versions, the status and how the job ended. Only when that is on the
    /// disk, and the job failed, and no signal asked for its end, something is started again; what is
    /// left of the job's group is ended before. With --json, a dry run or a refusal is one document.
    ///
    /// Exit codes: that of what was started last, and 128+N when signal N ended it; 1 the command line
    /// was not understood; 124 nothing was started, because a GPU is not guarded, or that cannot be
    /// seen, or the environment does harm, and the output says why; 125 an error of rmcp-kctl, or a
    /// fault could not be kept; 126 the program cannot be run; 127 there is no such program.
    #[command(
        after_help = "Examples:\n  rmcp-kctl run -- python3 train.py --epochs 3\n  rmcp-kctl run --fallback retry:3 --resume-with './train.sh --resume' -- ./train.sh"
    )]
    Run(Run),
    /// Try each part from the kernel's driver up to PyTorch on the guarded GPUs
    ///
    /// The steps: amdgpu drives the GPUs; rmcp guards them; amdkfd has a node for each; rocminfo shows
    /// them; hipcc compiles a program for them; that program writes, inverts and reads back 64 MiB;
    /// PyTorch multiplies two matrices as the CPU does; and the kernel logged no fault, timeout or reset
    /// meanwhile. Nothing is run on a GPU before the first three have passed. What is not installed is
    /// skipped, and proves nothing.
    ///
    /// Exit codes: 0 every step passed, 1 the system could not be read, 2 a step failed, 4 none failed,
    /// but some were skipped.
    #[command(
        after_help = "Examples:\n  rmcp-kctl selftest\n  rmcp-kctl selftest --json | jq '.steps[] | select(.outcome != \"passed\")'"
    )]
    Selftest,
    /// Apply patches to the source of ROCm's runtime, take them back, and build it
    ///
    /// The patches are carried by this program; the source is yours to get. Nothing is downloaded, and
    /// nothing that a package installed is touched.
    #[command(subcommand)]
    Rocm(Rocm),
    /// Show where the fields of a kernel's amdgpu are, or write them for the module's build
    Layout(Layout),
    /// Make a kernel ready for the module's build (DKMS calls this)
    ///
    /// Checks that the kernel can have the module, writes its layout, and provides the kernel's Rust
    /// metadata: from its headers where they carry it, else built once from the distribution's
    /// kernel source into /var/lib/rmcp. Exit codes: 0 ready; 1 something is missing, and the
    /// output says what to install; 77 this kernel cannot have the module.
    Prepare(Prepare),
    /// Print the completions of a shell
    Completions(Completions),
    /// Print the manual page, or write those of all commands
    Man(Man),
    /// Write the module's source as DKMS takes it, for a package
    Source(Source),
}

/// Options of `status`.
#[derive(Debug, Args)]
pub struct Status {
    /// Print nothing when enforced, else one line: for logins
    #[arg(short, long, conflicts_with_all = ["watch", "prometheus", "json"])]
    pub quiet: bool,
    /// Look again every SECONDS (2) until Ctrl-C, and show what changes
    ///
    /// A terminal is redrawn; a file or a pipe gets each change with its time, with --json a document
    /// in one line for each. The exit code is that of what was seen last.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true,
        default_missing_value = "2", value_parser = clap::value_parser!(u32).range(1..))]
    pub watch: Option<u32>,
    /// Print metrics for the textfile collector of Prometheus' node_exporter
    #[arg(long, conflicts_with_all = ["watch", "json"])]
    pub prometheus: bool,
    /// Write the metrics to this file, so that it is whole at any moment
    #[arg(short, long, value_name = "FILE", requires = "prometheus")]
    pub output: Option<PathBuf>,
}

/// Options of `detect`.
#[derive(Debug, Args)]
pub struct Detect {
    /// Whose access to the GPU to look at [default: who runs this, or who called sudo]
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
}

/// Options of `doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Whose access and environment to look at [default: who runs this, or who called sudo]
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Write a report for a bug tracker as well, without names, serial numbers and the like
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// Options of `env`.
#[derive(Debug, Args)]
pub struct Env {
    /// Add a profile; may be repeated, and of two that disagree the later one counts
    #[arg(short, long = "profile", value_name = "NAME")]
    pub profiles: Vec<String>,
    /// What to print; in a shell's format -v adds what each line is for [--json: json]
    #[arg(short, long, value_name = "FORMAT", default_value = "sh")]
    pub format: Format,
    /// Write it to this file, so that it is whole at any moment
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// List the profiles
    #[arg(long, conflicts_with_all = ["profiles", "format", "output", "explain"])]
    pub list: bool,
    /// Tell what a variable does
    #[arg(long, value_name = "VARIABLE", conflicts_with_all = ["profiles", "format", "output"])]
    pub explain: Option<String>,
    /// Whose profiles to read [default: who runs this, or who called sudo]
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
}

/// Who reads an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// sh, and the shells like it
    Sh,
    /// fish
    Fish,
    /// An EnvironmentFile= of systemd; what to take away is in its comments
    Systemd,
    /// One JSON document
    Json,
}

/// What to do about parameters.
#[derive(Debug, Subcommand)]
pub enum Params {
    /// Find settings that do not do what they look like, and show the change that mends them
    ///
    /// Looks at modprobe.d (all five directories, as modprobe reads them), at the kernel's command
    /// line, at GRUB's and kernel-install's files for the next one, and at what the loaded modules
    /// have. amdgpu's parameters are those that each installed kernel's own amdgpu.ko names. A check
    /// that cannot be made is named with the reason. Exit codes: 0 nothing has to be done (there may
    /// be notes); 1 an error; 2 there are errors or warnings to act on.
    Check,
    /// Make the change that 'params check' shows
    ///
    /// Each file is replaced as a whole; what it was is kept beside it as FILE.rmcp-old, or with a
    /// number after that if there is one already: no kept file is ever overwritten. Files of packages
    /// stay as they are: the changed one is written to /etc/modprobe.d, where it takes their place.
    /// What a person has to decide is left alone. Exit codes: 0 done, or nothing to do; 1 an error.
    Fix(ParamsFix),
    /// Show every setting, where it is made, which one wins, and what the loaded module has
    List,
}

/// Options of `params fix`.
#[derive(Debug, Args)]
pub struct ParamsFix {
    /// Print the change and make none
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask before the first change
    #[arg(short, long)]
    pub yes: bool,
}

/// Options of `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// Map a page as MTYPE_CC on each GPU and read what its page-table entry became (root)
    ///
    /// The page is mapped in an address space of this process alone, nothing ever uses it, and it is
    /// gone afterwards. It counts as one request in rmcp's mtype_cc_requests.
    #[arg(long)]
    pub probe: bool,
}

/// Options of `faults`.
#[derive(Debug, Args)]
pub struct Faults {
    /// The log: a file, or - for standard input [default: the kernel's own, /dev/kmsg]
    #[arg(value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Read the kernel's messages out of the journal: of this boot, or with --since of all
    #[arg(long, conflicts_with = "log")]
    pub journal: bool,
    /// Go on with what is logged later, until Ctrl-C; an incident is printed when it has been quiet for
    /// a second
    #[arg(short, long)]
    pub follow: bool,
    /// Only what was logged since then: 'boot', a time with its zone such as 2026-11-21T18:05:09Z, or
    /// how long ago: 90s, 30m, 2h, 7d
    ///
    /// A line whose time cannot be compared with that is read: one without a time, or of an unknown
    /// zone, or with seconds since a boot that need not be this one.
    #[arg(long, value_name = "TIME", value_parser = Since::parse)]
    pub since: Option<Since>,
}

/// Options of `install`.
#[derive(Debug, Args)]
pub struct Install {
    /// Print the steps and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask before the first change
    #[arg(short, long)]
    pub yes: bool,
    /// Only for this kernel release; may be repeated
    #[arg(long = "kernel", value_name = "RELEASE")]
    pub kernels: Vec<String>,
    /// Install the distribution's packages that the build lacks
    #[arg(long)]
    pub install_deps: bool,
    /// Do without the module: set amdgpu's own options, which cover two of the three policies
    ///
    /// For kernels that cannot have the module. The options are global, so that every AMD GPU in the
    /// machine must be RDNA1 or RDNA2.
    #[arg(long, conflicts_with_all = ["install_deps", "kernels"])]
    pub params_only: bool,
}

/// Options of `uninstall`.
#[derive(Debug, Args)]
pub struct Uninstall {
    /// Leave /etc/modprobe.d/rmcp.conf as it is
    #[arg(long)]
    pub keep_config: bool,
    /// Print the steps and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask before the first change
    #[arg(short, long)]
    pub yes: bool,
    /// Leave a package's own files and the initramfs to its maintainer scripts, which call this
    #[arg(long, hide = true)]
    pub package: bool,
}

/// Options of `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Change the environment by a profile of 'rmcp-kctl env'; may be repeated
    ///
    /// With any, 'default' for one, what does harm on the GPUs is taken away.
    #[arg(long = "profile", value_name = "PROFILE")]
    pub profiles: Vec<String>,
    /// Give the command arguments that it lacks, and say which
    ///
    /// Ultralytics trains with batch=16, amp=True and epochs=100 where nothing else is said. The preset
    /// is for a first try: less memory, no half precision, and an end in sight. A resumed training gets
    /// nothing added, nor one with a file of its own (cfg=).
    #[arg(long, value_name = "PROGRAM")]
    pub preset: Option<Preset>,
    /// What to do after a fault: run the job without a GPU (cpu), run it again at most N times
    /// (retry:N), or nothing (none)
    ///
    /// cpu sets ROCR_VISIBLE_DEVICES, HIP_VISIBLE_DEVICES and CUDA_VISIBLE_DEVICES to -1, which hides
    /// every GPU from ROCm; the job itself has to be able to do without.
    #[arg(long, value_name = "POLICY", default_value = "none")]
    pub fallback: Fallback,
    /// After a fault run this command (through sh -c) in place of the job
    ///
    /// Once, or as --fallback says.
    #[arg(long, value_name = "COMMAND")]
    pub resume_with: Option<OsString>,
    /// Keep faults below this directory [default: $XDG_STATE_HOME/rmcp/runs]
    ///
    /// Whether it can be written is tried before the job. With --fallback or --resume-with a job whose
    /// faults cannot be kept is not started.
    #[arg(long, value_name = "DIR")]
    pub log: Option<PathBuf>,
    /// Start the job whatever is wrong
    #[arg(long)]
    pub force: bool,
    /// Say what would be started and watched, and start nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// What to do with the patches to ROCm's runtime.
#[derive(Debug, Subcommand)]
pub enum Rocm {
    /// List the patches: for which component and version, and what each does
    ///
    /// With a source tree, how each patch for it stands to it, too. Exit codes: 0 listed; 1 an error.
    List(RocmSource),
    /// Hold the patches for a source tree against it, and change nothing
    ///
    /// Every hunk has to be in the file with all of its lines, byte for byte: there is no fuzz. Where
    /// the lines stand further up or down than the patch says, it fits if there is one such place, and
    /// the offset is told. Each hunk that does not fit is named, with the line, what was found there and
    /// what was expected.
    ///
    /// Exit codes: 0 each patch fits, or is applied already; 1 an error, such as a source of a version
    /// that there are no patches for; 2 a patch does not fit.
    Check(RocmSource),
    /// Apply the patches for a source tree, all or none
    ///
    /// What is done is written down in the tree's .rmcp-patches before it is done, with each file as it
    /// was; permission bits stay. What interrupted an earlier 'apply' or 'reverse' is put right first.
    ///
    /// Exit codes: 0 applied, or each patch is already; 1 an error, and nothing was changed; 2 a patch
    /// does not fit, and nothing was changed.
    #[command(
        after_help = "Example:\n  apt-get source rocr-runtime\n  rmcp-kctl rocm apply --dry-run rocr-runtime-6.1.2"
    )]
    Apply(RocmApply),
    /// Put every file of a source tree back as it was before 'apply', byte for byte
    ///
    /// A file that was changed since is named, and nothing is put back. Exit codes: 0 done, or nothing
    /// was applied; 1 an error; 2 a file was changed since.
    Reverse(RocmReverse),
    /// Build a source tree as upstream does, and install it below a directory of its own
    ///
    /// Runs cmake to configure, build and install. The prefix is a new directory, or one that this
    /// command filled before: never the system's, /opt/rocm or another where AMD's packages install.
    /// No privilege is taken: who runs it has to be allowed to write there. What cmake prints goes to
    /// rmcp-build.log in the directory of the build. libhsakmt, where it has a source of its own, comes
    /// before ROCr, and both before CLR, each into the same prefix.
    ///
    /// Exit codes: 0 installed; 1 an error, or the prefix is refused; 2 a command of the build failed,
    /// and the log says why; 4 a program that the build takes is not installed.
    #[command(
        after_help = "Example:\n  rmcp-kctl rocm build rocr-runtime-6.1.2 --prefix /opt/rocm-patched -- -DIMAGE_SUPPORT=OFF"
    )]
    Build(RocmBuild),
    /// Print what a shell needs in order to use a runtime that 'build' installed
    ///
    /// Directories below the prefix, those that are there, before what LD_LIBRARY_PATH, PATH,
    /// CMAKE_PREFIX_PATH and PKG_CONFIG_PATH have. In a shell: eval "$(rmcp-kctl rocm env)"; for every
    /// login: rmcp-kctl rocm env --output /etc/profile.d/zz-rocm-patched.sh.
    ///
    /// Exit codes: 0 printed; 1 an error, or nothing is installed there.
    Env(RocmEnv),
}

/// A source tree and the patches for it.
#[derive(Debug, Args)]
pub struct RocmSource {
    /// The source tree: a Debian source package, or a checkout of upstream's
    #[arg(value_name = "SRC")]
    pub source: Option<PathBuf>,
    /// The release of ROCm that the source is of, where it does not say so itself
    #[arg(long, value_name = "X.Y.Z")]
    pub release: Option<String>,
    /// Take the patches below this directory, COMPONENT/VERSION/NAME.patch, not those of this program
    #[arg(long, value_name = "DIR")]
    pub patches: Option<PathBuf>,
}

/// Options of `rocm apply`.
#[derive(Debug, Args)]
pub struct RocmApply {
    /// The source tree.
    #[command(flatten)]
    pub source: RocmSource,
    /// Say what would be changed, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Options of `rocm reverse`.
#[derive(Debug, Args)]
pub struct RocmReverse {
    /// The source tree
    #[arg(value_name = "SRC")]
    pub source: PathBuf,
    /// Say what would be put back, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Options of `rocm build`.
#[derive(Debug, Args)]
pub struct RocmBuild {
    /// The source tree.
    #[command(flatten)]
    pub source: RocmSource,
    /// Install below this directory
    #[arg(long, value_name = "DIR")]
    pub prefix: PathBuf,
    /// Build in this directory [default: SRC-build, beside the source]
    #[arg(long, value_name = "DIR")]
    pub build_dir: Option<PathBuf>,
    /// How many commands to run at once [default: as many as there are processors]
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Print the commands, and run none
    #[arg(long)]
    pub dry_run: bool,
    /// More options for cmake when it configures
    #[arg(last = true, value_name = "OPTION")]
    pub options: Vec<String>,
}

/// Options of `rocm env`.
#[derive(Debug, Args)]
pub struct RocmEnv {
    /// Where the runtime is installed
    #[arg(long, value_name = "DIR", default_value = "/opt/rocm-patched")]
    pub prefix: String,
    /// What to print [--json: json]
    #[arg(short, long, value_name = "FORMAT", default_value = "sh")]
    pub format: Format,
    /// Write it to this file, so that it is whole at any moment
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Options of `layout`.
#[derive(Debug, Args)]
pub struct Layout {
    /// The kernel release [default: the running kernel's]
    #[arg(long, value_name = "RELEASE")]
    pub kernel: Option<String>,
    /// Read this amdgpu.ko (plain, .xz, .zst or .gz) instead of the kernel's
    #[arg(long, value_name = "FILE")]
    pub amdgpu: Option<PathBuf>,
    /// Read the base BTF from this file: raw BTF, vmlinux or vmlinuz
    #[arg(long, value_name = "FILE")]
    pub base: Option<PathBuf>,
    /// Write the generated Rust file here
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Options of `prepare`.
#[derive(Debug, Args)]
pub struct Prepare {
    /// The kernel release [default: the running kernel's]
    #[arg(long, value_name = "RELEASE")]
    pub kernel: Option<String>,
    /// The kernel's headers [default: /lib/modules/RELEASE/build]
    #[arg(long, value_name = "DIR")]
    pub headers: Option<PathBuf>,
    /// The module's source: layout_generated.rs and kernel.mk are written here
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
}

/// Options of `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// Options of `man`.
#[derive(Debug, Args)]
pub struct Man {
    /// Write the pages of all commands into this directory
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// Options of `source`.
#[derive(Debug, Args)]
pub struct Source {
    /// The directory that gets dkms.conf and kmod/
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
}
