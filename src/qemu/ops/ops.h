/* qemu/ops: what can be asked of a domain, beyond its start and its end. Inside this wing only. */
#pragma once

#include "qemu/life/life.h"

/* So that a later daemon can take back what QEMU was told: once. */
void limits_register(void);
void pin_register(void);
void tune_register(void);

/* ---- questions to the agent in a guest (agent.c) ---- */

/* A question of a client, which may take several calls of the agent. */
typedef struct GuestTalk GuestTalk;

typedef struct GuestKind {
    const char *command;
    int seconds; /* guest_call's, where no client has said how long */
    guint flags;
    /* What the agent answers, into t->answer: the end of the talk, unless it has asked for more
     * (guest_ask) and returns STEP_WAIT. NULL: an answer says nothing. ret may be of any form. */
    StepResult (*read)(GuestTalk *t, json_object *ret, GError **err);
    /* It cannot do that: STEP_DONE or STEP_WAIT as read, which is not called then. NULL: an error.
     */
    StepResult (*cannot)(GuestTalk *t, GError **err);
} GuestKind;

struct GuestTalk {
    Vm *vm; /* referenced */
    VmGuestAnswer answer;
    gpointer data; /* of the kind's, freed by */
    GDestroyNotify free_data;
    /* private to agent.c */
    const GuestKind *kind;
    VmGuestDone done;
    gpointer user;
};

GuestTalk *guest_talk(Vm *vm, VmGuestDone done, gpointer user);
void guest_ask(GuestTalk *t, const GuestKind *kind, json_object *args); /* takes args */
void guest_refuse(GuestTalk *t, GError *err);                           /* takes both: its end */
/* A text that the answer must have; "" and an error where it has not. */
gboolean guest_text(json_object *o, const char *path, const char **ret_text, GError **err);
/* An array of an answer, of at most that many; FALSE: it is none, or longer. */
gboolean guest_array(json_object *o, const char *what, guint most, GError **err);
/* The button, by the agent: "powerdown", "reboot". */
void guest_shutdown(Vm *vm, const char *mode, GuestAnswer answer, gpointer user);
/* The disk of that place, as an agent tells it; NULL: none of ours. */
const DiskDef *guest_disk(const DomainDef *live, json_object *address);

/* QEMU's number of a key (keys.c); 0: there is none. */
guint key_number(guint codeset, guint key);

/* The interface of that device name or MAC address; NULL with an error. */
const NetDef *net_find(const DomainDef *def, const char *name, GError **err);
/* The disk of that target or source, likewise. */
const DiskDef *disk_find(const DomainDef *def, const char *name, GError **err);
