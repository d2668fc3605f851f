/* qemu/ops: what clients can ask of a domain, other than starting and ending it. Inside this wing
 * only. */
#pragma once

#include "qemu/life/life.h"

/* Register the kinds of edits of each file, so that a later daemon can take back what QEMU was
 * told. Called once. */
void limits_register(void);
void pin_register(void);
void tune_register(void);

/* ---- questions to the agent in a guest (agent.c) ---- */

/* A client's question to the agent, which may take several of its commands. */
typedef struct GuestTalk GuestTalk;

typedef struct GuestKind {
    const char *command;
    int seconds; /* timeout for guest_call where no client has set one */
    guint flags;
    /* Reads the agent's answer into t->answer, which ends the talk, unless it sends another command
     * (guest_ask) and returns STEP_WAIT. NULL: the answer has no content. ret may be of any form.
     */
    StepResult (*read)(GuestTalk *t, json_object *ret, GError **err);
    /* Called instead of read when the agent cannot do this. NULL: that is an error. */
    StepResult (*cannot)(GuestTalk *t, GError **err);
} GuestKind;

struct GuestTalk {
    Vm *vm; /* referenced */
    VmGuestAnswer answer;
    gpointer data; /* data of the kind, freed by */
    GDestroyNotify free_data;
    /* private to agent.c */
    const GuestKind *kind;
    VmGuestDone done;
    gpointer user;
};

GuestTalk *guest_talk(Vm *vm, VmGuestDone done, gpointer user);
void guest_ask(GuestTalk *t, const GuestKind *kind, json_object *args); /* takes args */
void guest_refuse(GuestTalk *t, GError *err); /* ends the talk with an error; takes both */
/* A text that the answer must have; if it has not: FALSE, an error, and NULL in *ret_text. */
gboolean guest_text(json_object *o, const char *path, const char **ret_text, GError **err);
/* Whether o is an array of at most so many items; FALSE and an error otherwise. */
gboolean guest_array(json_object *o, const char *what, guint most, GError **err);
/* Shuts down or reboots by the agent; mode: "powerdown", "reboot". */
void guest_shutdown(Vm *vm, const char *mode, GuestAnswer answer, gpointer user);
/* The disk at the address that an agent reports, borrowed; NULL: the domain has none there. */
const DiskDef *guest_disk(const DomainDef *live, json_object *address);

/* QEMU's number of a key (keys.c); 0: it has none. */
guint key_number(guint codeset, guint key);

/* The interface of that device name or MAC address, borrowed; NULL and an error: none. */
const NetDef *net_find(const DomainDef *def, const char *name, GError **err);
/* The disk of that target or source, likewise. */
const DiskDef *disk_find(const DomainDef *def, const char *name, GError **err);
