/* The front of the room: which methods there are, and a server that has them. The handlers stand on
 * the rest of the room, which knows them by these tables alone. */
#include <stdio.h>

#include "rpc_priv.h"

static const Method *const remote_tables[] = {
    host_methods,        memory_methods,    event_methods,
    domain_methods,      device_methods,    lifecycle_methods,
    stats_methods,       tuning_methods,    agent_methods,
    console_methods,     emulator_methods,  network_methods,
    storage_methods,     secret_methods,    nwfilter_methods,
    node_device_methods, interface_methods, NULL,
};

static const Method *const qemu_tables[] = {
    qemu_event_methods,
    qemu_methods,
    qemu_agent_methods,
    NULL,
};

static const Method *const vmd_tables[] = { daemon_methods, vmd_network_methods, vmd_domain_methods,
                                            NULL };

const Method *const *
methods_of(guint32 program)
{
    if (program == PROGRAM_VMD)
        return vmd_tables;
    return program == PROGRAM_QEMU ? qemu_tables : remote_tables;
}

Server *
server_new(const Paths *paths, const ServerSettings *settings, const ServerSockets *given,
           GError **err)
{
    return server_open(paths, settings, given, methods_of, err);
}

/* ---- as text */

static void
print_need(const Need *need, const char *before)
{
    static const char *const when[] = { "", ":write", ":flags", ":change" };

    printf("%s%s%s", before, right_word(need->right), when[need->when]);
    if (need->when == NEED_IF_FLAGS)
        printf("=%#x", need->flags);
}

static void
print_slot(guint32 program, const Slot *slot)
{
    const Method *m = slot->method;

    printf("%x\t%d\t%s\t%s\t", program, m->number, procedure_find(program, m->number)->name,
           m->subject->word);
    if (slot->flags_offset < 0)
        putchar('-');
    else
        printf("%#x", m->flags);
    print_need(&m->needs[0], "\t");
    for (gsize i = 1; i < NEEDS_MAX && m->needs[i].right; i++)
        print_need(&m->needs[i], ",");
    putchar('\n');
}

void
methods_print(void)
{
    static const guint32 programs[] = { PROGRAM_REMOTE, PROGRAM_QEMU };

    for (gsize i = 0; i < G_N_ELEMENTS(programs); i++) {
        g_autofree Slot *slots = slots_load(programs[i], methods_of(programs[i]));
        for (gint32 n = 1; n <= procedure_max(programs[i]); n++)
            if (slots[n].method)
                print_slot(programs[i], &slots[n]);
    }
}
