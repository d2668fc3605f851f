/* qemu/life: how a VM begins and ends. The start table and what its rows take from the host, the
 * stop, QEMU's events, and finding again what an earlier daemon started.
 */
#pragma once

#include "network/network.h"
#include "qemu/args/args.h"
#include "qemu/vm/vm.h"

/* ---- start and stop (start.c, steps.c, stop.c)
 * ---------------------------------------------------- */

extern const FlowTable start_table;
/* Whether all that the definition says is acted on (refused.c): FALSE and an error that names the
 * element, why, and its line. written: the document that def was read from, whose lines are told;
 * NULL: the lines of dumpxml --inactive. */
gboolean refused_check(const DomainDef *def, const char *written, GError **err);
/* QEMU is gone, or must go: runs as a job that preempts others. */
void vm_stop(Vm *vm, StopWhy why, gboolean graceful);
void stop_check(Vm *vm); /* has it ended by itself? */
/* The one timer of a Run: what happens when QEMU has not ended by then. */
void stop_timer(Run *run, guint ms, GSourceFunc fn, gpointer data);
/* The end of QEMU, as the process or the monitor tells it. */
void stop_on_exit(Process *p, const ProcessEnd *end, gpointer user);
extern const QmpOps vm_qmp_ops;
/* The row "spawn qemu" and its undo (spawn.c). */
StepResult spawn_qemu(Flow *f, gpointer obj, GError **err);
StepResult stop_qemu(Flow *f, gpointer obj);
/* What QEMU wrote since it was spawned, perhaps nothing, its descriptors' numbers turned back into
 * paths. */
char *start_last_words(Vm *vm);
/* "VNC port 5900 is taken by domain 'web'; ..." (words.c); caller frees. */
char *start_port_taken(const Vm *vm, int port);
/* The error that these words are. */
gboolean start_words_fail(Vm *vm, const char *words, GError **err);
/* What an earlier daemon started (marks.c): by its line in the ledger (pid and start time), or,
 * where the daemon died before it could write them, by the runtime folder in the process's
 * environment. */
#define RUN_MARK "VMD_RUN"
gboolean note_process(Flow *f, const char *key, pid_t pid, GError **err);
gboolean note_read(const Flow *f, pid_t *ret_pid, guint64 *ret_start_time);
/* A process that has the mark, and the VM's runtime folder that it says. */
typedef struct Marked {
    pid_t pid;
    guint64 start_time;
    char *dir;
    char *program; /* its short name: "swtpm" */
} Marked;
GPtrArray *marks_list(void); /* all on this host, of every daemon; free with g_ptr_array_unref */
/* The one with that folder and program; program NULL: QEMU, whatever its emulator is called. */
const Marked *marks_find(GPtrArray *marks, const char *run_dir, const char *program);
/* Whether a process is that program, and of that VM as far as its environment can be read. */
gboolean mark_is(pid_t pid, const char *run_dir, const char *program);
gboolean mark_find(const char *run_dir, const char *program, pid_t *ret_pid,
                   guint64 *ret_start_time);
/* Connects to QEMU's listening socket; never blocks. */
gboolean monitor_connect(Vm *vm, GError **err);
/* talk.c. A QEMU that runs already is met, and asked what it has become; or tried again and again.
 */
void talk_resume(Vm *vm);
/* The monitor has ended; err: what it sent that is none of its words. Tried again while QEMU lives.
 */
void talk_ended(Vm *vm, const GError *err);
/* A start fails from now on when QEMU does not answer in time; until drop_scaffold. */
void talk_watch(Vm *vm);

/* links.c: rows of start, and one interface by itself. *ret_host is the caller's in any case: what
 * was opened of the host's end, which may be nothing. */
StepResult links_make(Flow *f, gpointer obj, GError **err);
StepResult links_delete(Flow *f, gpointer obj);
gboolean link_make(Flow *f, Vm *vm, NetDef *net, HostNet **ret_host, GError **err);
void host_net_free(HostNet *n);
gboolean link_is_tap(const NetDef *net);
/* The <bandwidth> of interfaces is in force, and lifted. */
StepResult links_slow(Flow *f, gpointer obj, GError **err);
StepResult links_hasten(Flow *f, gpointer obj);
gboolean link_slow(Flow *f, const NetDef *net, GError **err);
/* The filter of an interface, and its link is brought up. */
StepResult links_filter(Flow *f, gpointer obj, GError **err);
StepResult links_unfilter(Flow *f, gpointer obj);
gboolean link_filter(Flow *f, const DomainDef *def, const NetDef *net, GError **err);
void links_filter_again(const Vm *vm); /* of a VM that was found */
/* Writes into an interface of a network which bridge that is. */
gboolean link_join(NetDef *net, GError **err);
/* The NetworkPorts of this room. */
void links_each_port(NetworkPortEach each, gpointer user);
gboolean links_revive(const NetworkPort *port, const char *bridge, GError **err);
void links_limit_again(const Vm *vm); /* of a VM that was found */

/* ---- devices that come and go ------------------------------------------------------------ */

/* Calls that a row sends at once and waits for (calls.c); undoing: with a bound, whatever QEMU
 * answers. calls_wait takes it; the row returns what that returns. */
typedef struct Calls Calls;
Calls *calls_new(Vm *vm, gboolean undoing);
void calls_add(Calls *c, const char *command, json_object *args, int fd); /* fd -1: none */
/* arguments: as JSON, which the caller wipes. */
void calls_add_secret(Calls *c, const char *command, const char *arguments);
StepResult calls_wait(Calls *c, Flow *f);
void calls_drop(Calls *c); /* takes it: nobody waits */

/* What an Edit of devices is about: its data. */
typedef struct DeviceChange {
    char *text; /* a device, or an alias */
    GPtrArray *unknown;
    Device device;
    gboolean patient; /* the guest's answer is waited for, a while */
    gboolean force;   /* a tray that the guest has locked is opened all the same */
    /* of the live definition */
    char *alias;   /* of that device there; keys of the ledger */
    GArray *added; /* of Device, borrowed from the Edit's new live definition */
    const Emulator *emulator;
    guint last_set;
    GPtrArray *files; /* of HostFd */
    GPtrArray *nets;  /* of HostNet, by the number of the interface; NULL: no interface comes */
    GPtrArray *parts; /* of Part */
    GPtrArray *keys;  /* of a device that has left: of lines of the ledger; NULL: its alias alone */
    gboolean gone;    /* QEMU has none of that name any more */
    /* of a medium that is changed */
    gboolean medium;   /* it is: what was in the drive goes, if anything */
    char *node;        /* of the new one, for the guest; NULL: the drive is empty then */
    char *old_node;    /* top one of the old medium; NULL: there was none */
    struct Tray *tray; /* what the drive was told last */
} DeviceChange;
void device_change_free(gpointer data);
DeviceChange *device_live_change(Flow *f);       /* NULL: only the persistent definition is meant */
const Device *device_own(const DeviceChange *c); /* last of added; NULL: none is */
StepResult device_find_emulator(Flow *f, gpointer obj, GError **err);

/* plug.c. Once the live copy has the new device: names for it and for what comes along. FALSE: that
 * cannot come to a guest that runs. */
extern const FlowTable plug_table;
gboolean plug_names(DomainDef *live, const Edit *e, GError **err);
void plug_apply(DomainDef *live, const Edit *e);
/* Rows of it, of other tables as well. */
StepResult device_look(Flow *f, gpointer obj, GError **err);
StepResult device_ask_for_sets(Flow *f, gpointer obj, GError **err);
StepResult device_list_files(Flow *f, gpointer obj, GError **err);
StepResult device_open_files(Flow *f, gpointer obj, GError **err);
StepResult device_claim_images(Flow *f, gpointer obj, GError **err);
StepResult device_drop_claims(Flow *f, gpointer obj);
StepResult device_add_backends(Flow *f, gpointer obj, GError **err);
StepResult device_look_opened(Flow *f, gpointer obj, GError **err); /* opened.c */
StepResult device_remove_backends(Flow *f, gpointer obj);
void calls_remove(Calls *calls, const char *word); /* "blockdev-del NODE" */
gboolean device_qemu_listens(const Vm *vm); /* FALSE: it is about to end, and takes all along */

/* update.c. Once the live copy has the changed device: whether that much may change. */
extern const FlowTable update_table;
gboolean update_settle(DomainDef *live, const Edit *e, GError **err);
void update_apply(DomainDef *live, const Edit *e);
void tray_free(struct Tray *tray);
/* It holds: what the old medium had is released, then done is called. */
void update_end(Vm *vm, const DeviceChange *c, VmDone done, gpointer user);
void update_recover(Vm *vm); /* the same of what an earlier daemon has changed */

/* leave.c */
/* Files of that device that no other one has: of char *. The caller frees. */
GPtrArray *leave_paths(const Vm *vm, const DeviceChange *c);
/* Descriptor sets with numbers below that, and claims, of those paths. */
void leave_release(Vm *vm, const GPtrArray *paths, guint below);
extern const FlowTable unplug_table, gone_table;
void unplug_apply(DomainDef *live, const Edit *e);
/* QEMU tells that a device is gone, or that the guest does not let it go. */
void leave_heard(Vm *vm, const char *alias, gboolean gone);
/* Rows of an undo wait until those have left, or the guest is not heard of. */
StepResult leave_all(Flow *f, Vm *vm, const GPtrArray *aliases);
/* The same in a row: fails where one has not left within five seconds. */
StepResult leave_each(Flow *f, Vm *vm, const GPtrArray *aliases, GError **err);
void leave_forget(Vm *vm, const char *alias); /* nobody waits for it any more */
void leave_tell(Vm *vm, const char *alias, gboolean gone);
/* The device has left: what a stop would undo of it is undone, then done (may be NULL) is called.
 */
void leave_end(Vm *vm, const DeviceChange *c, VmDone done, gpointer user);
/* The same for those keys of the ledger, which are taken. */
void leave_end_keys(Vm *vm, GPtrArray *keys, VmDone done, gpointer user);
void leave_resumed(Vm *vm); /* the guest runs again */
/* Whether QEMU still has all devices that are shown: what has left unheard is told now. */
void leave_reconcile(Vm *vm);
void leave_reconcile_later(Vm *vm);

/* ---- processors that come and go (vcpus.c) ---- */

/* What an Edit of processors is about: its data. */
typedef struct VcpuChange {
    guint count, flags; /* of setvcpus */
    Bitmap *wanted;     /* single ones; NULL: the count is meant */
    gboolean on;
    /* of the live definition */
    Bitmap *come, *go;
    json_object *seats; /* as QEMU has them */
} VcpuChange;
void vcpu_change_free(gpointer data);
extern const FlowTable vcpus_table;
void vcpus_apply(DomainDef *live, const Edit *e);
void vcpus_change(DomainDef *def, const Bitmap *come, const Bitmap *go);
gboolean vcpu_is_on(const DomainDef *def, guint id);
gboolean vcpu_may_go(const DomainDef *def, guint id); /* while it runs */
/* The answer of query-cpus-fast: threads, and which are there; the live definition says the same
 * from now on, unless a change is under way. */
void vcpus_learn(Vm *vm, json_object *ret);
void vcpus_look(Vm *vm); /* asks QEMU for it */

/* ---- the rest ---------------------------------------------------------------------------- */

/* events.c */
void events_on_qemu(Qmp *q, const char *name, json_object *data, gint64 seconds, guint micros,
                    gpointer user);
/* What query-status says, told as if its events had been heard. */
void events_reconcile(Vm *vm, const char *run_state);

gboolean recover_all(GError **err);

/* found.c: what the host tells of a QEMU whose files were lost. marks: of marks_list. */
char *found_name(pid_t pid); /* as its command line says; NULL: it does not. Caller frees */
/* The persistent definition, or what the command line tells; never NULL. Caller frees. */
DomainDef *found_live(Vm *vm, pid_t pid);
void found_restore(Vm *vm, GPtrArray *marks); /* lines for its ledger */
void found_claims(Vm *vm);                    /* images and ports */

/* needs.c. Adds to what is there. */
void needs_of(const DomainDef *def, const Emulator *emulator, const char *run_dir, Needs *to);
void needs_add(Needs *to, guint needs, const char *why);
void needs_done(Needs *n);
/* confine.c. A row of start: as whom QEMU runs. Then the run folder, which is the daemon's, with a
 * folder in it that is QEMU's. */
StepResult confine_choose(Flow *f, gpointer obj, GError **err);
gboolean confine_make_folder(const Run *run, GError **err);
guint32 confine_owner(const Run *run); /* whose files it makes; 0: the daemon's user's */
gboolean confine_is_wanted(const Run *run);
/* The ruleset in it is the caller's to close. */
gboolean confine_spec(Run *run, Confine *ret_spec, GError **err);
/* The same for a helper, which sees `own` and what the distribution has installed, and has no
 * network. It is QEMU's user; others: what it opens is somebody else's, and it is the daemon's,
 * which may open that. */
gboolean confine_helper(const Run *run, const char *program, const char *own, gboolean others,
                        Confine *ret_spec, GError **err);
gboolean confine_is_shared(pid_t pid, const char *namespace); /* with the daemon: "net" */
void confine_verify(Vm *vm); /* what the kernel did not do is one thing more that it has */
void confine_plugged(Vm *vm, const NetDef *net);
void confine_tell(Vm *vm); /* what is not so, in the VM's log */
/* Whether a device that has come to the live definition can come to the QEMU that runs. */
gboolean confine_allows(const Vm *vm, const DomainDef *live, GError **err);
void confine_found(Vm *vm); /* as the process tells, whose status is lost */

/* host.c */
gboolean host_open(HostFd *h, GError **err);
/* Makes an empty qcow2 image as large as that at h->path, which has h->format (raw or qcow2), and
 * opens it: for what is written above that (overlay.c). May block. */
gboolean overlay_open(HostFd *h, GError **err);
gboolean port_lease(Vm *vm, guint16 from, guint16 to, guint16 *ret_port, GError **err);
/* A port that the definition names: nobody gets it automatically any more. */
void port_note(Vm *vm, guint16 port);

/* sockets.c. Whether a socket can be made there: nothing is in the way but one that a dead process
 * left, which is removed. */
gboolean socket_place(const char *path, const char *what, GError **err);
gboolean socket_open(HostFd *h, GError **err); /* of HOST_LISTEN and HOST_CONNECT */
/* A line of the ledger whose key is the path: before it is made, and again after. */
gboolean socket_note(Flow *f, const HostFd *h, GError **err);
/* Undo of such a line: removes the socket if it is still the one; a worker does. */
StepResult socket_undo(Flow *f, Vm *vm);
/* The same for a socket that was opened and is nobody's. */
void socket_drop(const HostFd *h);

/* images.c: rows of start */
StepResult images_look(Flow *f, gpointer obj, GError **err);
StepResult files_open(Flow *f, gpointer obj, GError **err);
/* The same of other files. They must live as long as the flow. */
StepResult files_open_these(Flow *f, Vm *vm, GPtrArray *files, GError **err);
StepResult files_close(Flow *f, gpointer obj);
gboolean host_fd_is_image(const HostFd *h);
char *image_key(const HostFd *h); /* of its claim; caller frees */
/* Refuses an image that somebody else writes, by name. h: an open one, or its dev and ino. */
gboolean image_claim(Vm *vm, const HostFd *h, GError **err);
StepResult images_claim(Flow *f, gpointer obj, GError **err);

/* The places where VNC is listened for, which the daemon has made (displays.c). A row of start. */
StepResult displays_hand_over(Flow *f, gpointer obj, GError **err);
/* What devices are told once QEMU is there: limits, links that are down (tell.c). A row of start.
 */
StepResult tell_devices(Flow *f, gpointer obj, GError **err);
gboolean tell_is_limited(const DiskDef *disk);
/* The arguments of block_set_io_throttle for a disk with <iotune>. */
json_object *tell_limits(const DiskDef *disk);
/* Every thread goes to the processors and the scheduler that the definition names (threads.c). A
 * row of start. */
StepResult pin_threads(Flow *f, gpointer obj, GError **err);
extern const char *const thread_words[]; /* by VmThread: as events and errors name the kind */
/* The pin of that number in a list of VcpuPin; NULL: there is none. */
VcpuPin *pin_find(GPtrArray *pins, guint id);
/* The processors that a definition gives a thread: its own, else those of the whole domain.
 * Borrowed; NULL: all. */
const Bitmap *pin_of(const DomainDef *def, VmThread thread, guint id);
/* Says it to the thread that runs. One that is not there (an unplugged vcpu) is no error. */
gboolean pin_live(const Run *run, VmThread thread, guint id, const Bitmap *cpus, GError **err);
/* Claims the CID of a guest, and chooses it where it is automatic (vsock.c). */
gboolean vsock_choose(Vm *vm, GError **err);
/* Claims the PCI devices of the host that the definition hands over (devices.c). */
gboolean hostdevs_claim(Vm *vm, GError **err);
/* start's helpers: swtpm, and the guest's own copy of the firmware's variables (helpers.c) */
StepResult nvram_make(Flow *f, gpointer obj, GError **err); /* nvram.c */
StepResult helpers_start(Flow *f, gpointer obj, GError **err);
StepResult helpers_stop(Flow *f, gpointer obj);
/* tpm.c: the emulated TPM, or NULL; its log; rows of start that set a new one up. */
const TpmDef *tpm_emulated(const Run *run);
char *tpm_log_path(const Vm *vm);
char *tpm_state_option(const Vm *vm); /* what swtpm is told of its state; caller frees */
/* The folder of the state, or the file; *ret_others: the definition names it. Caller frees. */
char *tpm_state_place(const Vm *vm, gboolean *ret_others);
/* In a worker, before a start: a server that does not answer, where the state may lie, keeps the
 * start waiting there, and nobody else. */
void tpm_look(const DomainDef *live);
/* The files of a folder of ours are from now on those of the user that swtpm is. */
gboolean tpm_hand_over(const Vm *vm, GError **err);
StepResult tpm_set_up(Flow *f, gpointer obj, GError **err);
StepResult tpm_take_back(Flow *f, gpointer obj);
/* One passt for each interface that has it (passt.c), started again when it ends before QEMU does.
 * QEMU connects to it; the end of a pair of sockets, for one that cannot connect again, becomes the
 * interface's only tap. */
StepResult passt_start(Flow *f, gpointer obj, GError **err);
StepResult passt_stop(Flow *f, gpointer obj);
pid_t passt_pid(const Run *run, const char *alias); /* 0: none serves that interface */
void passt_watch(Vm *vm);                           /* those that an earlier daemon has started */
char *passt_pid_path(const char *run_dir, const NetDef *net); /* NULL: it has none */
pid_t helpers_tpm_pid(const Vm *vm);                          /* 0: there is none */
char *helpers_tpm_socket(const char *run_dir);                /* where swtpm listens */
/* FALSE: the definition binds memory to a NUMA node that this host has not (nodes.c). */
gboolean nodes_check(const DomainDef *def, GError **err);
/* Takes out of a live definition what is not there and may miss by its startupPolicy, or fails
 * (missing.c); looks at files. Then tells clients which disks that were, and empty drives. */
gboolean missing_settle(DomainDef *live, GError **err);
void missing_tell(Vm *vm, const DomainDef *before, const DomainDef *live);
/* Values of secrets (keys.c): files in memory for those that are asked for; gone when QEMU has read
 * them. keys_send says the object of a part by the monitor; FALSE: it has no secret. */
gboolean keys_take(const GPtrArray *files, GError **err);
void keys_wipe(const GPtrArray *files);
StepResult keys_forget(Flow *f, gpointer obj, GError **err);
gboolean keys_send(const GPtrArray *files, const Part *part, Calls *calls);
/* Rows (volumes.c): pools that are marked for autostart start when a disk is a volume of theirs. */
StepResult volumes_wake_pools(Flow *f, gpointer obj, GError **err);
StepResult device_wake_pool(Flow *f, gpointer obj, GError **err);
/* Finds what the disks are that are volumes of active pools. */
gboolean volumes_settle(DomainDef *live, GError **err);
gboolean volume_settle_disk(DiskDef *disk, GError **err);
/* Finds the images below the disks' own and writes them into the live definition (chain.c). */
gboolean chain_fill(DomainDef *live, GError **err);
gboolean chain_fill_disk(DiskDef *disk, GError **err);
/* Whether an image, which fd has open now, names no file that QEMU would open by itself. */
gboolean image_check_opened(const HostFd *h, int fd, GError **err);
/* What QEMU has opened itself (opened.c). nodes: what it says to query-named-block-nodes with
 * opened_args. FALSE: it has opened a file that only the head of an image names. live has the
 * numbers and the chains of its images. */
gboolean opened_check(const DomainDef *live, json_object *nodes, GError **err);
json_object *opened_args(gpointer unused);
/* Files that the guest of a running VM writes into are kept short from now on (outputs.c). Once
 * more is fine, and needed when one came. init: before all others; off: at the end. */
void outputs_watch(Vm *vm);
void outputs_init(gboolean on);
