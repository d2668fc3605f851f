/* Shared by the files that define rows. Inside conf only. */
#pragma once

#include "conf.h"

/* A wrong word is reported as something that cannot be had, not as wrong XML: clients tell the two
 * apart. */
#define UNSUPPORTED F_ERR(ERR_CONFIG_UNSUPPORTED)

#define USER_ALIAS "ua-" /* beginning of an alias that a user picked */

/* For F_U32: numbers with 0x are hexadecimal, with a leading 0 octal; written as decimal. */
#define ANY_BASE (&(const NumSpec){ 0, G_MAXUINT32, NUM_ANY })

/* The same for F_I32. */
#define ANY_BASE_SIGNED (&(const NumSpec){ G_MININT32, G_MAXINT32, NUM_ANY })

#define INFO(type)   ROW(type, "", F_STRUCT, info, 0, &device_info_schema, NULL)
#define VIRTIO(type) ROW(type, "", F_STRUCT, virtio, 0, &virtio_options_schema, NULL)

/* An element of one attribute, which must be there: <mouse mode='client'/>. The row of the struct
 * that has it is an F_STRUCT over an int. */
typedef struct Choice {
    int value;
} Choice;
#define CHOICE(name, attr, words, doc)                                                             \
    static const Field name##_fields[] = {                                                         \
        ROW(Choice, "@" attr, F_ENUM, value, F_REQUIRED, words, doc), ROW_END                      \
    };                                                                                             \
    static const Schema name##_schema = { #name, sizeof(Choice), name##_fields }

/* <audio id='1'/> of a device: a guint32. */
extern const Schema audio_ref_schema;

/* An int: YES, NO; other words are read over. */
extern const FieldType loose_yes_no;
extern const char *const char_modes[];

/* For field types of our own that are held as a char *. */
void text_format(const Field *f, gconstpointer at, GString *out);
void text_clear(gpointer at);
void text_copy(gpointer to, gconstpointer from);
gboolean text_equal(gconstpointer a, gconstpointer b);
