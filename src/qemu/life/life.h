/* qemu/life: how a VM starts and ends. The start table and the host's resources that its rows take,
 * the stop, QEMU's events, plugging, and recovery: finding the VMs that an earlier daemon started.
 */
#pragma once

#include "network/network.h"
#include "qemu/args/args.h"
#include "qemu/vm/vm.h"

/* ---- start and stop (start.c, steps.c, stop.c) ------------------------------------------- */

extern const FlowTable start_table;
/* Whether vmd acts on all settings of the definition (refused.c). FALSE and an error that names the
 * element, the reason, and the line. written: the document that def was read from, to which the
 * line belongs; NULL: the line is that of dumpxml --inactive. */
gboolean refused_check(const DomainDef *def, const char *written, GError **err);
/* Stops a VM whose QEMU has ended or must end, by a job that preempts others. */
void vm_stop(Vm *vm, StopWhy why, gboolean graceful);
void stop_check(Vm *vm); /* stops the VM if its QEMU has ended by itself */
/* Sets the one timer of a Run: fn is called when QEMU has not ended after ms milliseconds. */
void stop_timer(Run *run, guint ms, GSourceFunc fn, gpointer data);
/* A ProcessDone: QEMU has ended. */
void stop_on_exit(Process *p, const ProcessEnd *end, gpointer user);
extern const QmpOps vm_qmp_ops;
/* The row "spawn qemu" and its undo (spawn.c). */
StepResult spawn_qemu(Flow *f, gpointer obj, GError **err);
StepResult stop_qemu(Flow *f, gpointer obj);
/* The text that QEMU has written since it was spawned, perhaps empty, with numbers of descriptors
 * replaced by paths. The caller frees it. */
char *start_last_words(Vm *vm);
/* A sentence about a port that is in use: "VNC port 5900 is taken by domain 'web'; ..." (words.c);
 * the caller frees it. */
char *start_port_taken(const Vm *vm, int port);
/* Makes an error of QEMU's last words. Returns FALSE. */
gboolean start_words_fail(Vm *vm, const char *words, GError **err);
/* How a daemon finds processes that an earlier one started (marks.c): by their line in the ledger
 * (pid and start time), or, where the daemon died before it could write that, by the runtime folder
 * in the process's environment. */
#define RUN_MARK "VMD_RUN"
gboolean note_process(Flow *f, const char *key, pid_t pid, GError **err);
gboolean note_read(const Flow *f, pid_t *ret_pid, guint64 *ret_start_time);
/* A process whose environment has the mark, and the VM's runtime folder in it. */
typedef struct Marked {
    pid_t pid;
    guint64 start_time;
    char *dir;
    char *program; /* its short name (comm): "swtpm" */
} Marked;
GPtrArray *marks_list(void); /* all on this host, of any daemon; free with g_ptr_array_unref */
/* The process of that folder and program, borrowed; program NULL: QEMU, whatever its binary is
 * called. */
const Marked *marks_find(GPtrArray *marks, const char *run_dir, const char *program);
/* Whether a process is that program, and belongs to that VM as far as its environment can be read.
 */
gboolean mark_is(pid_t pid, const char *run_dir, const char *program);
gboolean mark_find(const char *run_dir, const char *program, pid_t *ret_pid,
                   guint64 *ret_start_time);
/* Connects to QEMU's monitor socket; never blocks. */
gboolean monitor_connect(Vm *vm, GError **err);
/* talk.c. Connects to a QEMU that runs already and asks for its state; tries again as long as that
 * fails. */
void talk_resume(Vm *vm);
/* Called when the monitor has ended; err: it sent something that is no QMP. Connects again while
 * QEMU lives. */
void talk_ended(Vm *vm, const GError *err);
/* From now on, and until drop_scaffold, a start fails when QEMU does not answer in time. */
void talk_watch(Vm *vm);

/* links.c: rows of start, and the same for one interface. *ret_host is the caller's in any case:
 * the descriptors that were opened, perhaps none. */
StepResult links_make(Flow *f, gpointer obj, GError **err);
StepResult links_delete(Flow *f, gpointer obj);
gboolean link_make(Flow *f, Vm *vm, NetDef *net, HostNet **ret_host, GError **err);
void host_net_free(HostNet *n);
gboolean link_is_tap(const NetDef *net);
/* Set and lift the limits of the interfaces' <bandwidth>. */
StepResult links_slow(Flow *f, gpointer obj, GError **err);
StepResult links_hasten(Flow *f, gpointer obj);
gboolean link_slow(Flow *f, const NetDef *net, GError **err);
/* Put the filter of an interface in force and bring its link up, or take the filter away. */
StepResult links_filter(Flow *f, gpointer obj, GError **err);
StepResult links_unfilter(Flow *f, gpointer obj);
gboolean link_filter(Flow *f, const DomainDef *def, const NetDef *net, GError **err);
void links_filter_again(const Vm *vm); /* for a VM that was recovered */
/* Writes the bridge of its network into an interface's definition. */
gboolean link_join(NetDef *net, GError **err);
/* This room's NetworkPorts (network/network.h). */
void links_each_port(NetworkPortEach each, gpointer user);
gboolean links_revive(const NetworkPort *port, const char *bridge, GError **err);
void links_limit_again(const Vm *vm); /* for a VM that was recovered */

/* ---- devices that come and go ------------------------------------------------------------ */

/* QMP calls that a row sends at once and waits for (calls.c). undoing: the wait is bounded, and
 * errors of QEMU do not matter. calls_wait takes the Calls; the row returns what it returns. */
typedef struct Calls Calls;
Calls *calls_new(Vm *vm, gboolean undoing);
void calls_add(Calls *c, const char *command, json_object *args, int fd); /* fd -1: none */
/* arguments: as JSON, which the caller wipes. */
void calls_add_secret(Calls *c, const char *command, const char *arguments);
StepResult calls_wait(Calls *c, Flow *f);
void calls_drop(Calls *c); /* takes c; nothing waits for the answers */

/* The data of an Edit of devices. */
typedef struct DeviceChange {
    char *text; /* document of a device, or an alias */
    GPtrArray *unknown;
    Device device;
    gboolean patient; /* wait a while for the guest's answer */
    gboolean force;   /* open a tray even if the guest has locked it */
    /* of the live definition */
    char *alias;   /* alias of the device; also the key of its ledger lines */
    GArray *added; /* of Device, borrowed from the Edit's new live definition */
    const Emulator *emulator;
    guint last_set;
    GPtrArray *files; /* of HostFd */
    GPtrArray *nets;  /* of HostNet, by the number of the interface; NULL: no interface comes */
    GPtrArray *parts; /* of Part */
    GPtrArray *keys; /* of a device that has left: keys of its ledger lines; NULL: its alias only */
    gboolean gone;   /* QEMU has no device of that alias any more */
    /* of a medium that is changed */
    gboolean medium;   /* a medium is changed: the old one, if any, goes */
    char *node;        /* node of the new medium; NULL: the drive is empty afterwards */
    char *old_node;    /* top node of the old medium; NULL: there was none */
    struct Tray *tray; /* the last state of the tray that QEMU was told */
} DeviceChange;
void device_change_free(gpointer data);
DeviceChange *device_live_change(Flow *f);       /* NULL: only the persistent definition changes */
const Device *device_own(const DeviceChange *c); /* the last of added; NULL: none */
StepResult device_find_emulator(Flow *f, gpointer obj, GError **err);

/* plug.c. Called when the live copy has the new device: gives names to it and to devices that come
 * along. FALSE: the device cannot be plugged into a running guest. */
extern const FlowTable plug_table;
gboolean plug_names(DomainDef *live, const Edit *e, GError **err);
void plug_apply(DomainDef *live, const Edit *e);
/* Rows of plug_table, which other tables have too. */
StepResult device_look(Flow *f, gpointer obj, GError **err);
StepResult device_ask_for_sets(Flow *f, gpointer obj, GError **err);
StepResult device_list_files(Flow *f, gpointer obj, GError **err);
StepResult device_open_files(Flow *f, gpointer obj, GError **err);
StepResult device_claim_images(Flow *f, gpointer obj, GError **err);
StepResult device_drop_claims(Flow *f, gpointer obj);
StepResult device_add_backends(Flow *f, gpointer obj, GError **err);
StepResult device_look_opened(Flow *f, gpointer obj, GError **err); /* opened.c */
StepResult device_remove_backends(Flow *f, gpointer obj);
void calls_remove(Calls *calls, const char *word); /* a call such as "blockdev-del NODE" */
gboolean
device_qemu_listens(const Vm *vm); /* FALSE: QEMU is about to end, and all its devices with it */

/* update.c. Called when the live copy has the changed device: whether that much may change in a
 * running guest. */
extern const FlowTable update_table;
gboolean update_settle(DomainDef *live, const Edit *e, GError **err);
void update_apply(DomainDef *live, const Edit *e);
void tray_free(struct Tray *tray);
/* Called when the change holds: releases what the old medium held, then calls done. */
void update_end(Vm *vm, const DeviceChange *c, VmDone done, gpointer user);
void update_recover(Vm *vm); /* the same for a change of an earlier daemon */

/* leave.c */
/* Files of that device that no other device has: of char *. The caller frees the array. */
GPtrArray *leave_paths(const Vm *vm, const DeviceChange *c);
/* Releases the descriptor sets with numbers below that, and the claims, of those paths. */
void leave_release(Vm *vm, const GPtrArray *paths, guint below);
extern const FlowTable unplug_table, gone_table;
void unplug_apply(DomainDef *live, const Edit *e);
/* Called when QEMU reports that a device is gone, or that the guest refuses to let it go. */
void leave_heard(Vm *vm, const char *alias, gboolean gone);
/* For the undo of a row: waits until those devices have left, or the guest does not react. */
StepResult leave_all(Flow *f, Vm *vm, const GPtrArray *aliases);
/* For a row: the same, but fails when one has not left within five seconds. */
StepResult leave_each(Flow *f, Vm *vm, const GPtrArray *aliases, GError **err);
void leave_forget(Vm *vm, const char *alias); /* nothing waits for it any more */
void leave_tell(Vm *vm, const char *alias, gboolean gone);
/* Called when the device has left: undoes what a stop would undo of it, then calls done (may be
 * NULL). */
void leave_end(Vm *vm, const DeviceChange *c, VmDone done, gpointer user);
/* The same for those keys of the ledger, which are taken. */
void leave_end_keys(Vm *vm, GPtrArray *keys, VmDone done, gpointer user);
void leave_resumed(Vm *vm); /* called when the guest runs again */
/* Compares QEMU's devices with the live definition: a device that has left unnoticed is handled
 * now. */
void leave_reconcile(Vm *vm);
void leave_reconcile_later(Vm *vm);

/* ---- processors that come and go (vcpus.c) ---- */

/* The data of an Edit of processors. */
typedef struct VcpuChange {
    guint count, flags; /* of setvcpus */
    Bitmap *wanted;     /* single processors; NULL: count says how many */
    gboolean on;
    /* of the live definition */
    Bitmap *come, *go;
    json_object *seats; /* QEMU's answer to query-hotpluggable-cpus */
} VcpuChange;
void vcpu_change_free(gpointer data);
extern const FlowTable vcpus_table;
void vcpus_apply(DomainDef *live, const Edit *e);
void vcpus_change(DomainDef *def, const Bitmap *come, const Bitmap *go);
gboolean vcpu_is_on(const DomainDef *def, guint id);
gboolean vcpu_may_go(const DomainDef *def, guint id); /* may be unplugged while it runs */
/* Takes over the answer to query-cpus-fast: which processors exist, and their threads. The live
 * definition says the same afterwards, unless a change is under way. */
void vcpus_learn(Vm *vm, json_object *ret);
void vcpus_look(Vm *vm); /* asks QEMU for that */

/* ---- the rest ---------------------------------------------------------------------------- */

/* events.c */
void events_on_qemu(Qmp *q, const char *name, json_object *data, gint64 seconds, guint micros,
                    gpointer user);
/* Acts on the answer to query-status as if the events that lead to it had been received. */
void events_reconcile(Vm *vm, const char *run_state);

gboolean recover_all(GError **err);

/* found.c: what the host can tell of a QEMU whose files were lost. marks: of marks_list. */
char *found_name(pid_t pid); /* the name on its command line; NULL: none. The caller frees it */
/* The persistent definition, or one made from the command line; never NULL. The caller frees it. */
DomainDef *found_live(Vm *vm, pid_t pid);
void found_restore(Vm *vm, GPtrArray *marks); /* restores the lines of its ledger */
void found_claims(Vm *vm);                    /* takes the claims of its images and ports */

/* needs.c. These add to what is there. */
void needs_of(const DomainDef *def, const Emulator *emulator, const char *run_dir, Needs *to);
void needs_add(Needs *to, guint needs, const char *why);
void needs_done(Needs *n);
/* confine.c. A row of start that chooses the user that QEMU runs as; then the run folder, which is
 * the daemon's, with a folder in it that is QEMU's. */
StepResult confine_choose(Flow *f, gpointer obj, GError **err);
gboolean confine_make_folder(const Run *run, GError **err);
guint32 confine_owner(const Run *run); /* user that its files belong to; 0: the daemon's */
gboolean confine_is_wanted(const Run *run);
/* How QEMU is confined; the caller closes the ruleset in *ret_spec. */
gboolean confine_spec(Run *run, Confine *ret_spec, GError **err);
/* The same for a helper process, which sees only the folder `own` and installed files, and has no
 * network. It runs as QEMU's user; others: it opens files of other owners, and so runs as the
 * daemon's user. */
gboolean confine_helper(const Run *run, const char *program, const char *own, gboolean others,
                        Confine *ret_spec, GError **err);
gboolean confine_is_shared(
    pid_t pid,
    const char *namespace);  /* whether the process shares that namespace ("net") with the daemon */
void confine_verify(Vm *vm); /* notes where the kernel did not confine it as asked */
void confine_plugged(Vm *vm, const NetDef *net);
void confine_tell(Vm *vm); /* writes into the VM's log how it is not confined */
/* Whether a device that was added to the live definition can work with the confinement of the QEMU
 * that runs. */
gboolean confine_allows(const Vm *vm, const DomainDef *live, GError **err);
void confine_found(Vm *vm); /* reads the confinement from the process, whose saved status is lost */

/* group.c: the VM's control group. Rows of start: one makes it, one sets the limits that all of its
 * processes share, and one, which other tables have too, those of its threads. */
StepResult group_make(Flow *f, gpointer obj, GError **err);
StepResult group_remove(Flow *f, gpointer obj);
StepResult group_limit(Flow *f, gpointer obj, GError **err);
StepResult group_place_threads(Flow *f, gpointer obj, GError **err);
/* Opens what ProcessSpec.group takes; *ret_fd, which the caller closes, is -1 where the VM has no
 * group. */
gboolean group_open(const Run *run, int *ret_fd, GError **err);
void group_watch(Vm *vm); /* notes from now on whether it runs out of memory */
/* What to say of a QEMU that has ended, if that was for want of memory; the caller frees it. NULL:
 * it was not, or nobody can tell. */
char *group_ran_out(Run *run);
void group_let_go(Run *run); /* QEMU is in its scope, or none will be: what held that open ends */
void group_register(const Vm *vm); /* with systemd-machined, where that runs */
/* The group that a QEMU is in; *ret_scope may be NULL. FALSE: none that a daemon has made. The
 * caller frees both. */
gboolean group_find(pid_t pid, char **ret_group, char **ret_scope);
/* relimit.c, for EditKind.tell of limits in a group: t->thing names the kind ("memtune/"). A worker
 * and systemd are told; a limit that cannot be had fails the edit. */
gboolean group_change(EditTell *t, GError **err);
/* Processor time of QEMU and its helpers, in nanoseconds, those that have ended included. FALSE:
 * the VM has no group. */
gboolean group_times(const Run *run, guint64 *ret_user, guint64 *ret_system);
/* The limits of a VM that its group holds it to, for people: where in the definition, and what the
 * kernel has. */
void group_each_limit(const Run *run, void (*each)(const char *what, const char *is, gpointer user),
                      gpointer user);
/* Puts what is in force, as the kernel tells it, into a copy of the live definition. */
void group_in_force(const Run *run, DomainDef *ret_def);
char **group_words(const char *group, const char *scope); /* of its line in a ledger */
void group_done(void); /* at the daemon's end, before the bus's */

/* host.c */
gboolean host_open(HostFd *h, GError **err);
/* Makes an empty qcow2 image as large as the image at h->path, which has the format h->format (raw
 * or qcow2), and opens it: it takes the guest's writes (overlay.c). May block. */
gboolean overlay_open(HostFd *h, GError **err);
gboolean port_lease(Vm *vm, guint16 from, guint16 to, guint16 *ret_port, GError **err);
/* Notes a port that a definition names: it is not chosen automatically for others. */
void port_note(Vm *vm, guint16 port);

/* sockets.c. Whether a socket can be made at path: a socket that a dead process has left there is
 * removed; anything else is an error. */
gboolean socket_place(const char *path, const char *what, GError **err);
gboolean socket_open(HostFd *h, GError **err); /* of HOST_LISTEN and HOST_CONNECT */
/* Enters a line in the ledger whose key is the path; called before the socket is made, and again
 * after. */
gboolean socket_note(Flow *f, const HostFd *h, GError **err);
/* The undo of such a line: a worker removes the socket if it is still the same one. */
StepResult socket_undo(Flow *f, Vm *vm);
/* The same for a socket that was opened and is not used. */
void socket_drop(const HostFd *h);

/* images.c: rows of start */
StepResult images_look(Flow *f, gpointer obj, GError **err);
StepResult files_open(Flow *f, gpointer obj, GError **err);
/* The same for other files, which must live as long as the flow. */
StepResult files_open_these(Flow *f, Vm *vm, GPtrArray *files, GError **err);
StepResult files_close(Flow *f, gpointer obj);
gboolean host_fd_is_image(const HostFd *h);
char *image_key(const HostFd *h); /* key of the image's claim; the caller frees it */
/* Claims an image for vm; fails, naming the owner, when another one writes it. h: open, or with dev
 * and ino set. */
gboolean image_claim(Vm *vm, const HostFd *h, GError **err);
StepResult images_claim(Flow *f, gpointer obj, GError **err);

/* A row of start: hands QEMU the listening sockets of VNC that the daemon has made (displays.c). */
StepResult displays_hand_over(Flow *f, gpointer obj, GError **err);
/* A row of start: sets limits of disks and links that are down, once QEMU answers (tell.c). */
StepResult tell_devices(Flow *f, gpointer obj, GError **err);
gboolean tell_is_limited(const DiskDef *disk);
/* The arguments of block_set_io_throttle for a disk with <iotune>. */
json_object *tell_limits(const DiskDef *disk);
/* A row of start: pins every thread to the processors, and gives it the scheduler, that the
 * definition names (threads.c). */
StepResult pin_threads(Flow *f, gpointer obj, GError **err);
extern const char *const thread_words[]; /* by VmThread: the words of events and errors */
/* The pin of that vcpu or iothread in a list of VcpuPin, borrowed; NULL: none. */
VcpuPin *pin_find(GPtrArray *pins, guint id);
/* The processors that a definition gives a thread: its own pin, else that of the whole domain.
 * Borrowed; NULL: all. */
const Bitmap *pin_of(const DomainDef *def, VmThread thread, guint id);
/* Pins a running thread. A thread that does not exist (an unplugged vcpu) is no error. */
gboolean pin_live(const Run *run, VmThread thread, guint id, const Bitmap *cpus, GError **err);
/* Claims the guest's CID, after choosing one where it is automatic (vsock.c). */
gboolean vsock_choose(Vm *vm, GError **err);
/* Claims the host's PCI devices that the definition passes to the guest (devices.c). */
gboolean hostdevs_claim(Vm *vm, GError **err);
/* Rows of start: swtpm and other helpers (helpers.c), and the guest's own copy of the firmware's
 * variables. */
StepResult nvram_make(Flow *f, gpointer obj, GError **err); /* nvram.c */
StepResult helpers_start(Flow *f, gpointer obj, GError **err);
StepResult helpers_stop(Flow *f, gpointer obj);
/* tpm.c: the domain's emulated TPM, borrowed, or NULL; the path of its log, which the caller frees;
 * and rows of start that set up a new one. */
const TpmDef *tpm_emulated(const Run *run);
char *tpm_log_path(const Vm *vm);
char *tpm_state_option(const Vm *vm); /* swtpm's option about its state; the caller frees it */
/* The folder or file of the TPM's state; *ret_others: the definition names it. The caller frees it.
 */
char *tpm_state_place(const Vm *vm, gboolean *ret_others);
/* In a worker, before a start: a server that does not answer, where the state may lie, keeps the
 * start waiting there, and nobody else. */
void tpm_look(const DomainDef *live);
/* Gives the files of vmd's own state folder to the user that swtpm runs as. */
gboolean tpm_hand_over(const Vm *vm, GError **err);
StepResult tpm_set_up(Flow *f, gpointer obj, GError **err);
StepResult tpm_take_back(Flow *f, gpointer obj);
/* Rows of start: run one passt for each interface that uses it (passt.c), and start it again when
 * it ends before QEMU does. QEMU connects to it; for a QEMU that cannot connect again, one end of a
 * pair of sockets becomes the interface's only tap. */
StepResult passt_start(Flow *f, gpointer obj, GError **err);
StepResult passt_stop(Flow *f, gpointer obj);
pid_t passt_pid(const Run *run, const char *alias); /* 0: the interface has none */
void passt_watch(Vm *vm); /* watches those that an earlier daemon has started */
char *passt_pid_path(const char *run_dir,
                     const NetDef *net);       /* NULL: it has none. The caller frees it */
pid_t helpers_tpm_pid(const Vm *vm);           /* 0: there is none */
char *helpers_tpm_socket(const char *run_dir); /* path of swtpm's socket; the caller frees it */
/* FALSE: the definition binds memory to a NUMA node that this host does not have (nodes.c). */
gboolean nodes_check(const DomainDef *def, GError **err);
/* Removes disks and devices from a live definition that do not exist and may be missing by their
 * startupPolicy; fails if they may not (missing.c). Looks at files. missing_tell then sends events
 * about removed disks and empty drives. */
gboolean missing_settle(DomainDef *live, GError **err);
void missing_tell(Vm *vm, const DomainDef *before, const DomainDef *live);
/* Values of secrets (keys.c): keys_take makes files in memory for those that are needed, keys_wipe
 * and keys_forget wipe them when QEMU has read them. keys_send sends the object of a part by the
 * monitor; FALSE: it has no secret. */
gboolean keys_take(const GPtrArray *files, GError **err);
void keys_wipe(const GPtrArray *files);
StepResult keys_forget(Flow *f, gpointer obj, GError **err);
gboolean keys_send(const GPtrArray *files, const Part *part, Calls *calls);
/* Rows (volumes.c): start the pools that are marked for autostart and have a volume that a disk
 * uses. */
StepResult volumes_wake_pools(Flow *f, gpointer obj, GError **err);
StepResult device_wake_pool(Flow *f, gpointer obj, GError **err);
/* Finds the files of disks that are volumes of active pools. */
gboolean volumes_settle(DomainDef *live, GError **err);
gboolean volume_settle_disk(DiskDef *disk, GError **err);
/* Finds the backing images of disks and writes them into the live definition (chain.c). */
gboolean chain_fill(DomainDef *live, GError **err);
gboolean chain_fill_disk(DiskDef *disk, GError **err);
/* Whether the image that fd has open names no file that QEMU would open by itself. */
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
