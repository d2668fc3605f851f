/* The room's inside: a peer, its calls and its streams. Handlers need the parts about Call and
 * Stream only. */
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
Arena *call_arena(Call *c);         /* for what the reply points to */
Client *call_client(const Call *c); /* NULL when it is gone */
Server *call_server(const Call *c);
/* "client 12 (pid 4711, uid 0)"; lives as long as the call. */
const char *call_asker(Call *c);
const TaskOwner *call_who(Call *c); /* the same as a struct, and as long */
/* A socket that came with the call, which keeps it; -1: there are not so many, or it is something
 * else. */
int call_socket(const Call *c, guint i, GError **err);
guint call_n_fds(const Call *c);

/* Sends the reply and frees the call. out: the struct of the procedure's ret; its content is
 * copied out before this returns. */
#define call_reply(c, out) call_reply_sized(c, out, sizeof(*(out)))
void call_reply_sized(Call *c, gconstpointer out, gsize size);
void call_reply_none(Call *c);
/* With descriptors after it; they stay the caller's. */
void call_reply_fds(Call *c, gconstpointer out, gsize size, const int *fds, guint n_fds);
/* For an answer that takes long: slice is called in rounds of the loop, as the client's turn comes,
 * to work for about a millisecond; FALSE: it has answered. */
typedef gboolean (*SliceFn)(gpointer user);
void call_in_slices(Call *c, SliceFn slice, gpointer user);
/* Answers with an error and frees both. */
void call_fail(Call *c, GError *err);
/* The same with another origin than the procedure's driver (a virErrorDomain). */
void call_fail_from(Call *c, int from, GError *err);
/* An empty reply, or *err: call_end(c, do_it(..., &err), &err). */
void call_end(Call *c, gboolean ok, GError **err);
/* The same for callbacks, whose error is borrowed. */
void call_done(Call *c, const GError *err);

enum { FROM_RPC = 7, FROM_QEMU = 10, FROM_STORAGE = 18, FROM_STREAMS = 38, FROM_AUTH = 46 };

/* ---- streams (stream.c) ------------------------------------------------------------------- */

/* What a stream's owner wants to hear. NULL members are not wanted. */
typedef struct StreamOps {
    /* Bytes from the client; all are taken. Slow it down with stream_pause. */
    void (*data)(Stream *s, const guint8 *data, gsize len, gpointer user);
    /* A hole; NULL: the client asked for none, so one is an error. */
    void (*hole)(Stream *s, gint64 length, gpointer user);
    /* The client has sent everything: answer with stream_finish or stream_fail, now or later. NULL:
     * answered at once. */
    void (*finish)(Stream *s, gpointer user);
    /* It is over without stream_finish or stream_fail: aborted, or the client is gone. s is freed
     * after this. */
    void (*abort)(Stream *s, gpointer user);
    /* There is room again after stream_send said there was none. */
    void (*room)(Stream *s, gpointer user);
} StreamOps;

/* A stream for the call's procedure, before call_reply. NULL when the client is gone: then nothing
 * will ever be heard of it. */
Stream *call_open_stream(Call *c, const StreamOps *ops, gpointer user);
/* Queues a copy. FALSE: send no more until ops->room. */
gboolean stream_send(Stream *s, const void *data, gsize len);
void stream_send_hole(Stream *s, gint64 length);
void stream_send_end(Stream *s); /* no more data will come from this side */
void stream_pause(Stream *s, gboolean paused);
void stream_finish(Stream *s);            /* frees it */
void stream_fail(Stream *s, GError *err); /* tells the client, frees both */

/* A stream that is copied to and from a descriptor (taken), by the procedure's direction, until
 * either side is done with it; done is then called once. FALSE: the client is gone, done is not
 * called, fd is closed. */
gboolean call_splice(Call *c, int fd, GDestroyNotify done, gpointer user);
guint call_flags(const Call *c); /* ProcFlags */
/* Whether a list with these flags has an object that is so. The flags are answers to several
 * questions, each the bits of its answers; a question without any bit lets all pass. */
gboolean list_filter(guint32 flags, guint32 is, const guint32 *questions, gsize n_questions);
/* Takes the list and gives it back with those alone that pass, in their order; without flags all.
 */
typedef gboolean (*ListPasses)(gpointer item, guint32 flags);
GPtrArray *list_keep(GPtrArray *all, ListPasses passes, guint32 flags);
/* Answers a call whose reply is names: those of the first objects, as many as the client takes. */
void call_reply_names(Call *c, const GPtrArray *objects, gint32 most);

/* The same of a file, which workers read and write (filestream.c). fd is taken; done is called
 * once, in any case, maybe from within: it is over, and nothing of it is under way. */
typedef struct FileStreamSpec {
    int fd;
    guint64 offset, length; /* length 0: to the end */
    gboolean sparse;        /* holes are told as such */
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

/* An event that a client wants to hear. */
typedef struct Registration {
    gint32 callback; /* unique on its connection; -1: of the old procedures, without one */
    EventFamily family;
    int event;
    gboolean by_object; /* only of this one */
    guint8 uuid[16];
    char *name;  /* node devices have no UUID; monitor events: the pattern, or NULL */
    guint flags; /* of a monitor event: 1 the pattern is a regular expression, 2 any case */
} Registration;

void registration_clear(gpointer registration); /* GDestroyNotify of its contents */

/* A domain that was started to live as long as the connection: this run of it, no later one. */
typedef struct Owned {
    guint8 uuid[UUID_LEN];
    int id;
} Owned;

/* All that there is to know of a connection, so that it can be written down. */
typedef struct ClientState {
    guint64 id;
    Creds creds;
    gboolean authenticated;
    gboolean opened;
    gboolean keepalive;      /* it asked to be pinged */
    gboolean close_callback; /* it wants to hear why a connection ends */
    gint32 last_callback;
    GArray *registrations; /* of Registration */
    GArray *owned;         /* of Owned */
} ClientState;

/* Frames of a client that wait for their turn, oldest first. */
typedef enum HeldKind { HELD_CALLS, HELD_STREAMS, N_HELD } HeldKind;

struct Client {
    ClientState state;
    GArray *groups; /* of gid_t: its user's when it came, beside creds.gid; NULL: none */
    Server *server;
    Lines *lines;
    GList link; /* in server->clients */
    Account *account;
    GQueue calls;         /* waiting for their answer */
    gsize partial;        /* of a message that has not come whole; counted as input */
    gsize counted_output; /* of what is queued */
    gint64 round;         /* of the loop, in which it had frames handled: so many, */
    guint round_frames;
    gint64 round_us; /* in so much time */
    GQueue streams;
    GQueue held[N_HELD]; /* of GBytes */
    gsize held_bytes;
    guint held_idle;
    guint paused_streams;
    guint unanswered_pings;
    guint ping_timer;
    guint drop_idle;
    guint missed_timer;
    guint busy;      /* frames of it on the stack */
    gboolean paused; /* it is not read */
    gboolean dropped;
    gboolean told_missed;
};

/* Takes account. */
void client_new(Server *s, int fd, const Creds *creds, Account *account);
/* Hangs up: at once, or after the frame that is being handled. why is logged unless NULL. */
void client_drop(Client *c, const char *why);
void client_free(Client *c);
void client_close(Client *c); /* when everything queued is sent */
void client_send(Client *c, const WireBuf *message);
void client_send_secret(Client *c, WireBuf *message); /* and wipes it */
/* Stops or goes on reading, as its calls, queue and streams allow. */
void client_update_flow(Client *c);
void client_start_keepalive(Client *c);
void client_left_domain(Vm *vm); /* that should end with the client that started it */

/* ---- who may do what (permit.c) ----------------------------------------------------------- */

/* The settings, or who manages, have changed. */
void permit_set(Server *s);

/* ---- the host (host.c) -------------------------------------------------------------------- */

typedef struct HostInfo {
    char arch[32];
    guint64 memory_kib;
    guint cpus, mhz, nodes, sockets, cores, threads; /* sockets a node, cores a socket, ... */
} HostInfo;

void host_info(HostInfo *ret_info);
/* Bitmap of the host's CPUs, one bit each, least first. present: also those that are off. */
GByteArray *host_cpu_map(gboolean present, guint *ret_cpus);
guint host_nodes(void);
/* Files of the kernel that hold one value. text: caller frees; NULL: there is no such file. */
char *host_text(const char *path);
gboolean host_number(const char *path, guint64 *ret_value);
gboolean host_write(const char *path, const char *text, GError **err);
/* A line of a NUMA node's meminfo, of the whole host for node -1. FALSE: no such node or line. */
gboolean host_memory_kib(int node, const char *what, guint64 *ret_kib);
/* Of all nodes in KiB: of one measure with what each has, which /proc/meminfo need not be. */
guint64 host_memory_sum(const char *what);
typedef struct HostCpuTimes {
    guint64 kernel_ns, user_ns, idle_ns, iowait_ns;
} HostCpuTimes;
/* cpu -1: all together. */
gboolean host_cpu_times(int cpu, HostCpuTimes *ret_times, GError **err);

/* ---- between call.c, stream.c and client.c ------------------------------------------------ */

void call_receive(Client *c, const WireHeader *h, const guint8 *payload, gsize len);
void call_refuse(Client *c, const WireHeader *h, int from, GError *err); /* frees err */
void call_forget_client(Call *c);
void kept_clear(Server *s);
void calls_unpark(Server *s); /* begins those for which there is room now */
/* The error struct of the protocol for err; strings live in the arena. */
void error_fill(const GError *err, int from, Arena *a, RemoteError *ret);
Stream *stream_new(Client *c, const WireHeader *call, const StreamOps *ops, gpointer user);
void stream_receive(Client *c, const WireHeader *h, const guint8 *payload, gsize len);
void stream_forget_client(Stream *s);
void streams_have_room(Client *c);

/* ---- events (event.c) --------------------------------------------------------------------- */

gboolean event_is_known(EventFamily family, int id);
gboolean event_has_legacy(int id); /* does a domain event have a message without callback id? */
/* Borrows the strings of params. */
void params_to_wire(const Params *params, Arena *a, TypedParam **ret_v, guint32 *ret_n);
/* Copies; params_done is the caller's. */
void params_from_wire(const TypedParam *v, guint32 n, Params *ret_params);
/* Tells the client, when one of its registrations wants it. */
void client_on_event(Client *c, const Event *event);
/* To who has just registered: what happened while there was no daemon to register with. */
void client_tell_missed(Client *c);

/* ---- the server (server.c) ---------------------------------------------------------------- */

typedef struct Listener {
    Server *server;
    int fd;
    guint watch;
    gboolean readonly;
    char *path;
    /* Of the file that was made; 0: it is somebody else's. */
    dev_t device;
    ino_t inode;
} Listener;

/* vmd.sock, vmd-ro.sock, and the names that clients of libvirt try; every other one is read-only.
 */
enum { N_LISTENERS = 18 };

struct Server {
    const Paths *paths;
    const ServerSettings *settings;
    Budgets *budgets;
    char *managers;    /* "root and members of the group vmd may"; NULL: root alone */
    char *who_may;     /* change things: for those who may not */
    gid_t manager_gid; /* whose members may change everything; 0: nobody but root */
    Listener listeners[N_LISTENERS];
    gboolean made_folder; /* of the names of libvirt's */
    GQueue clients;
    guint64 last_client;
    guint64 last_idle; /* the last client, when server_is_idle was asked */
    guint retry;       /* timer: accept again */
    guint room_timer;  /* see server_ask_room */
    GQueue kept;       /* answers, oldest first: see call.c */
    GQueue asking;     /* calls whose answers will be kept */
    GQueue parked;     /* calls that wait until another has ended */
    guint subscription;
    WireBuf out;  /* the message that is being encoded */
    Slot *remote; /* by procedure number */
    Slot *qemu;
    Slot *own;
};

/* listener.c */
gboolean listeners_open(Server *s, const ServerSockets *given, GError **err);
void listeners_permit(Server *s);                  /* group and modes, as the settings say now */
gboolean listeners_again(Server *s, GError **err); /* as server_listen_again */
void listeners_close(Server *s);

/* server_new, with these methods. */
Server *server_open(const Paths *paths, const ServerSettings *settings, const ServerSockets *given,
                    MethodsOf methods, GError **err);
void server_forget(Server *s, Client *c);
/* Somebody waits for room that another client has to make. */
void server_ask_room(Server *s);
