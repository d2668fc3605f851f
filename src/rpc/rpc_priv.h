/* The inside of the room: clients, their calls and their streams. Handlers need only the parts
 * about Call and Stream. */
#pragma once

#include "core/core.h"
#include "rpc/budget.h"
#include "rpc/method.h"
#include "rpc/rpc.h"
#include "wire/wire.h"

typedef struct Client Client;
typedef struct Stream Stream;

/* ---- a call (call.c) ---------------------------------------------------------------------- */

/* The decoded arguments, valid until the answer. */
gconstpointer call_in(const Call *c);
Arena *call_arena(Call *c);         /* memory for the content of the reply */
Client *call_client(const Call *c); /* NULL when the client is gone */
Server *call_server(const Call *c);
/* "client 12 (pid 4711, uid 0)"; lives as long as the call. */
const char *call_asker(Call *c);
const TaskOwner *call_who(Call *c); /* the same as a struct, and as long */
/* The i-th descriptor that came with the call, if it is a socket; the call keeps it. -1 with an
 * error: there is none, or it is no socket. */
int call_socket(const Call *c, guint i, GError **err);
guint call_n_fds(const Call *c);

/* Sends the reply and frees the call. out: the struct of the procedure's ret; its content is
 * copied out before this returns. */
#define call_reply(c, out) call_reply_sized(c, out, sizeof(*(out)))
void call_reply_sized(Call *c, gconstpointer out, gsize size);
void call_reply_none(Call *c);
/* The same, with descriptors after the reply; they stay the caller's. */
void call_reply_fds(Call *c, gconstpointer out, gsize size, const int *fds, guint n_fds);
/* For an answer that takes long to make: slice is called in turns of the loop, when it is the
 * client's turn, and works for about a millisecond each time. It returns FALSE when it has
 * answered. */
typedef gboolean (*SliceFn)(gpointer user);
void call_in_slices(Call *c, SliceFn slice, gpointer user);
/* Answers with an error; frees the call and err. */
void call_fail(Call *c, GError *err);
/* The same with another origin (a virErrorDomain) than the procedure's driver. */
void call_fail_from(Call *c, int from, GError *err);
/* Answers with an empty reply or with *err, for use as call_end(c, do_it(..., &err), &err). */
void call_end(Call *c, gboolean ok, GError **err);
/* The same for callbacks: err NULL means success; err is borrowed. */
void call_done(Call *c, const GError *err);

enum { FROM_RPC = 7, FROM_QEMU = 10, FROM_STORAGE = 18, FROM_STREAMS = 38, FROM_AUTH = 46 };

/* ---- streams (stream.c) ------------------------------------------------------------------- */

/* What the owner of a stream is told. Members that are NULL are not called. */
typedef struct StreamOps {
    /* Bytes from the client, all of which must be taken; stream_pause slows the client down. */
    void (*data)(Stream *s, const guint8 *data, gsize len, gpointer user);
    /* A hole of that many bytes; NULL: a hole is an error. */
    void (*hole)(Stream *s, gint64 length, gpointer user);
    /* The client has sent everything; end with stream_finish or stream_fail, now or later. NULL: it
     * is finished at once. */
    void (*finish)(Stream *s, gpointer user);
    /* The stream was aborted, or the client is gone. s is freed after this. */
    void (*abort)(Stream *s, gpointer user);
    /* There is room again after stream_send has returned FALSE. */
    void (*room)(Stream *s, gpointer user);
} StreamOps;

/* Opens a stream for the call's procedure; before call_reply. NULL when the client is gone: then
 * none of ops is ever called. */
Stream *call_open_stream(Call *c, const StreamOps *ops, gpointer user);
/* Queues a copy of the bytes. FALSE: send no more until ops->room. */
gboolean stream_send(Stream *s, const void *data, gsize len);
void stream_send_hole(Stream *s, gint64 length);
void stream_send_end(Stream *s); /* the daemon sends no more data */
void stream_pause(Stream *s, gboolean paused);
void stream_finish(Stream *s);            /* frees it */
void stream_fail(Stream *s, GError *err); /* sends the error to the client; frees s and err */

/* Opens a stream that is copied to or from a descriptor, depending on the procedure, until one side
 * ends; then done(user) is called once. It owns fd. FALSE: the client is gone; fd is closed and
 * done is not called. */
gboolean call_splice(Call *c, int fd, GDestroyNotify done, gpointer user);
guint call_flags(const Call *c); /* ProcFlags */
/* Whether a list with these flags includes an object that has the properties `is`. questions are
 * groups of flags; the object must have one of the wanted flags of each group, and a group without
 * a wanted flag lets all objects pass. */
gboolean list_filter(guint32 flags, guint32 is, const guint32 *questions, gsize n_questions);
/* Takes a list and returns it with only the items that pass, in their order; without flags all of
 * them. */
typedef gboolean (*ListPasses)(gpointer item, guint32 flags);
GPtrArray *list_keep(GPtrArray *all, ListPasses passes, guint32 flags);
/* Answers a call whose reply is a list of names: those of the first objects, at most `most`. */
void call_reply_names(Call *c, const GPtrArray *objects, gint32 most);

/* Copies a stream to or from a file, which workers read and write (filestream.c). It owns fd. done
 * is called once in any case, perhaps from within this call, when nothing is under way any more. */
typedef struct FileStreamSpec {
    int fd;
    guint64 offset, length; /* bytes; length 0: to the end */
    gboolean sparse;        /* holes are sent as holes */
    guint64 size;           /* of the file that is read; 0: unknown */
} FileStreamSpec;
typedef GDestroyNotify FileStreamDone;
/* Borrowed until done, which has been called already where it is NULL. */
typedef struct FileStream FileStream;
FileStream *call_stream_file(Call *c, const FileStreamSpec *spec, FileStreamDone done,
                             gpointer user);
/* Bytes, holes too; *ret_total 0: nobody knows. */
void file_stream_look(const FileStream *s, guint64 *ret_done, guint64 *ret_total);
/* Ends it, and tells the client why. */
void file_stream_abort(FileStream *s, const GError *why);

/* ---- a client (client.c) ------------------------------------------------------------------ */

/* A client's registration for an event. */
typedef struct Registration {
    gint32 callback; /* unique on its connection; -1: made by the old procedures, which have none */
    EventFamily family;
    int event;
    gboolean by_object; /* only for the object named below */
    guint8 uuid[16];
    char *name;  /* of a node device, which has no UUID; of monitor events the pattern, or NULL */
    guint flags; /* of monitor events: 1 the pattern is a regular expression, 2 case does not matter
                  */
} Registration;

void registration_clear(gpointer registration); /* frees the contents; a GDestroyNotify */

/* A domain that was started to end with the connection: this run of it, no later one. */
typedef struct Owned {
    guint8 uuid[UUID_LEN];
    int id;
} Owned;

/* The state of a connection that must outlive the daemon, so that it can be saved. */
typedef struct ClientState {
    guint64 id;
    Creds creds;
    gboolean authenticated;
    gboolean opened;
    gboolean keepalive;      /* the client asked for keepalive messages */
    gboolean close_callback; /* the client wants to be told why a connection ends */
    gint32 last_callback;
    GArray *registrations; /* of Registration */
    GArray *owned;         /* of Owned */
} ClientState;

/* Kinds of frames of a client that wait for their turn; oldest first. */
typedef enum HeldKind { HELD_CALLS, HELD_STREAMS, N_HELD } HeldKind;

struct Client {
    ClientState state;
    GArray *groups; /* of gid_t: groups of its user at the time of connecting, without creds.gid;
                       NULL: none */
    Server *server;
    Lines *lines;
    GList link; /* in server->clients */
    Account *account;
    GQueue calls;         /* calls without an answer yet */
    gsize partial;        /* bytes of an incomplete message, counted as input */
    gsize counted_output; /* counted bytes of the queue */
    gint64 round;         /* turn of the loop in which frames of it were handled: */
    guint round_frames;
    gint64 round_us; /* and their time */
    GQueue streams;
    GQueue held[N_HELD]; /* of GBytes */
    gsize held_bytes;
    guint held_idle;
    guint paused_streams;
    guint unanswered_pings;
    guint ping_timer;
    guint drop_idle;
    guint missed_timer;
    guint busy;      /* frames of it that are being handled */
    gboolean paused; /* its connection is not read */
    gboolean dropped;
    gboolean told_missed;
};

/* Makes a client for a new connection; it owns fd and the reference on account. */
void client_new(Server *s, int fd, const Creds *creds, Account *account);
/* Hangs up, at once or after the frame that is being handled. why is logged unless it is NULL. */
void client_drop(Client *c, const char *why);
void client_free(Client *c);
void client_close(Client *c); /* hangs up when the queue is empty */
void client_send(Client *c, const WireBuf *message);
void client_send_secret(Client *c, WireBuf *message); /* and wipes the buffer */
/* Stops or resumes reading, depending on its calls, its queue and its streams. */
void client_update_flow(Client *c);
void client_start_keepalive(Client *c);
void client_left_domain(Vm *vm); /* that should end with the client that started it */

/* ---- who may do what (permit.c) ----------------------------------------------------------- */

/* Applies changed settings or another managing group. */
void permit_set(Server *s);

/* ---- the host (host.c) -------------------------------------------------------------------- */

typedef struct HostInfo {
    char arch[32];
    guint64 memory_kib;
    guint cpus, mhz, nodes, sockets, cores, threads; /* sockets a node, cores a socket, ... */
} HostInfo;

void host_info(HostInfo *ret_info);
/* Bitmap of the host's CPUs, one bit each, lowest first. present: include CPUs that are offline.
 * *ret_cpus: number of CPUs. */
GByteArray *host_cpu_map(gboolean present, guint *ret_cpus);
guint host_nodes(void);
/* Read and write the kernel's files that hold one value. text: the caller frees it; NULL: there is
 * no such file. */
char *host_text(const char *path);
gboolean host_number(const char *path, guint64 *ret_value);
gboolean host_write(const char *path, const char *text, GError **err);
/* A line of a NUMA node's meminfo, or with node -1 of the whole host's. FALSE: there is no such
 * node or line. */
gboolean host_memory_kib(int node, const char *what, guint64 *ret_kib);
/* The sum of a value over all nodes, in KiB, of the same kind as each node reports it;
 * /proc/meminfo may count otherwise. */
guint64 host_memory_sum(const char *what);
typedef struct HostCpuTimes {
    guint64 kernel_ns, user_ns, idle_ns, iowait_ns;
} HostCpuTimes;
/* Times of one CPU since boot; cpu -1: of all together. */
gboolean host_cpu_times(int cpu, HostCpuTimes *ret_times, GError **err);

/* ---- between call.c, stream.c and client.c ------------------------------------------------ */

void call_receive(Client *c, const WireHeader *h, const guint8 *payload, gsize len);
void call_refuse(Client *c, const WireHeader *h, int from, GError *err); /* frees err */
void call_forget_client(Call *c);
void kept_clear(Server *s);
void calls_unpark(Server *s); /* starts the calls for which there is room now */
/* Fills in the protocol's error struct for err; its strings live in the arena. */
void error_fill(const GError *err, int from, Arena *a, RemoteError *ret);
Stream *stream_new(Client *c, const WireHeader *call, const StreamOps *ops, gpointer user);
void stream_receive(Client *c, const WireHeader *h, const guint8 *payload, gsize len);
void stream_forget_client(Stream *s);
void streams_have_room(Client *c);

/* ---- events (event.c) --------------------------------------------------------------------- */

gboolean event_is_known(EventFamily family, int id);
gboolean event_has_legacy(int id); /* whether a domain event has a message without callback id */
/* Converts parameters; the strings are borrowed from params. */
void params_to_wire(const Params *params, Arena *a, TypedParam **ret_v, guint32 *ret_n);
/* Converts parameters into copies; the caller calls params_done. */
void params_from_wire(const TypedParam *v, guint32 n, Params *ret_params);
/* Sends the event to the client if one of its registrations matches. */
void client_on_event(Client *c, const Event *event);
/* Tells a client that has just registered what happened while no daemon ran. */
void client_tell_missed(Client *c);

/* ---- the server (server.c) ---------------------------------------------------------------- */

typedef struct Listener {
    Server *server;
    int fd;
    guint watch;
    gboolean readonly;
    char *path;
    /* Device and inode of the socket file that was made; 0: it was not made here. */
    dev_t device;
    ino_t inode;
} Listener;

/* vmd.sock, vmd-ro.sock, and the names that clients of libvirt try; every second one is read-only.
 */
enum { N_LISTENERS = 18 };

struct Server {
    const Paths *paths;
    const ServerSettings *settings;
    Budgets *budgets;
    char *managers;    /* "root and members of the group vmd may"; NULL: only root may */
    char *who_may;     /* who may change things; for errors */
    gid_t manager_gid; /* its members may change everything; 0: only root may */
    Listener listeners[N_LISTENERS];
    gboolean made_folder; /* the folder of libvirt's names was made here */
    GQueue clients;
    guint64 last_client;
    guint64 last_idle; /* last_client at the time of the last server_is_idle */
    guint retry;       /* timer: try to accept again */
    guint room_timer;  /* see server_ask_room */
    GQueue kept;       /* kept answers, oldest first: see call.c */
    GQueue asking;     /* calls whose answers will be kept */
    GQueue parked;     /* calls that wait until another has ended */
    guint subscription;
    WireBuf out;  /* buffer of the message that is being encoded */
    Slot *remote; /* arrays by procedure number */
    Slot *qemu;
    Slot *own;
};

/* listener.c */
gboolean listeners_open(Server *s, const ServerSockets *given, GError **err);
void listeners_permit(Server *s);                  /* sets group and modes by the settings */
gboolean listeners_again(Server *s, GError **err); /* as server_listen_again */
void listeners_close(Server *s);

/* server_new, with these methods. */
Server *server_open(const Paths *paths, const ServerSettings *settings, const ServerSockets *given,
                    MethodsOf methods, GError **err);
void server_forget(Server *s, Client *c);
/* Notes that a client waits for room that another client must free. */
void server_ask_room(Server *s);
