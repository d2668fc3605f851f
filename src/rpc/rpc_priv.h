/* The room's inside: a peer, its calls and its streams. Handlers need the parts about Call and
 * Stream only. */
#pragma once

#include "core/core.h"
#include "rpc/rpc.h"
#include "rpc/wire.h"

typedef struct Call Call;
typedef struct Client Client;
typedef struct Stream Stream;

/* ---- methods ------------------------------------------------------------------------------ */

/* Answers c by exactly one of call_reply and call_fail, from within or later. The caller has been
 * let in: authenticated, connected, and not read-only where that matters. */
typedef void (*MethodRun)(Call *c);

typedef struct Method {
    gint32 number;
    MethodRun run;
} Method;

/* Each ended by a zeroed row. */
extern const Method host_methods[];      /* on_host.c */
extern const Method memory_methods[];    /* on_memory.c */
extern const Method event_methods[];     /* on_event.c */
extern const Method domain_methods[];    /* on_domain.c */
extern const Method device_methods[];    /* on_device.c */
extern const Method lifecycle_methods[]; /* on_lifecycle.c */
extern const Method stats_methods[];     /* on_stats.c */
extern const Method tuning_methods[];    /* on_tuning.c */
extern const Method agent_methods[];     /* on_agent.c */
extern const Method console_methods[];   /* on_console.c */
extern const Method emulator_methods[];  /* on_emulator.c */
extern const Method storage_methods[];   /* on_storage.c */
/* Of the QEMU program. */
extern const Method qemu_event_methods[]; /* on_event.c */
extern const Method qemu_methods[];       /* on_emulator.c */
extern const Method qemu_agent_methods[]; /* on_agent.c */

/* ---- a call (call.c) ---------------------------------------------------------------------- */

/* The decoded arguments, valid until the answer. */
gconstpointer call_in(const Call *c);
Arena *call_arena(Call *c);         /* for what the reply points to */
Client *call_client(const Call *c); /* NULL when it is gone */
Server *call_server(const Call *c);
/* "client 12 (pid 4711, uid 0)"; lives as long as the call. */
const char *call_asker(Call *c);
/* A descriptor that came with the call; -1: there are not so many. Stays the call's. */
int call_fd(const Call *c, guint i);
guint call_n_fds(const Call *c);

/* Sends the reply and frees the call. out: the struct of the procedure's ret; its content is
 * copied out before this returns. */
#define call_reply(c, out) call_reply_sized(c, out, sizeof(*(out)))
void call_reply_sized(Call *c, gconstpointer out, gsize size);
void call_reply_none(Call *c);
/* With descriptors after it; they stay the caller's. */
void call_reply_fds(Call *c, gconstpointer out, gsize size, const int *fds, guint n_fds);
/* Answers with an error and frees both. */
void call_fail(Call *c, GError *err);
/* The same with another origin than the procedure's driver (a virErrorDomain). */
void call_fail_from(Call *c, int from, GError *err);
/* An empty reply, or *err: call_end(c, do_it(..., &err), &err). */
void call_end(Call *c, gboolean ok, GError **err);
/* The same for callbacks, whose error is borrowed. */
void call_done(Call *c, const GError *err);

enum { FROM_RPC = 7, FROM_QEMU = 10, FROM_AUTH = 46 };

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

struct Client {
    ClientState state;
    Server *server;
    Lines *lines;
    GList link;   /* in server->clients */
    GQueue calls; /* waiting for their answer */
    GQueue streams;
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

void client_new(Server *s, int fd, const Creds *creds);
/* Hangs up: at once, or after the frame that is being handled. why is logged unless NULL. */
void client_drop(Client *c, const char *why);
void client_free(Client *c);
void client_close(Client *c); /* when everything queued is sent */
void client_send(Client *c, const WireBuf *message);
/* Stops or goes on reading, as its calls, queue and streams allow. */
void client_update_flow(Client *c);
void client_start_keepalive(Client *c);
void client_destroy_owned(const ClientState *state); /* on_lifecycle.c */

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
} Listener;

struct Server {
    const Paths *paths;
    ServerLimits limits;
    Listener listeners[2];
    GQueue clients;
    guint n_anonymous;
    guint64 last_client;
    guint retry; /* timer: accept again */
    guint subscription;
    WireBuf out;       /* the message that is being encoded */
    MethodRun *remote; /* by procedure number */
    MethodRun *qemu;
};

void server_forget(Server *s, Client *c);
