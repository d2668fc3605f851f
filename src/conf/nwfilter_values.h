/* The kinds of values in a filter's rules, and how they are spelled. Inside conf only. Each value
 * is kept as a char *, in the spelling in which it is written. */
#pragma once

#include "rows.h"

extern const FieldType filter_no;        /* match='no'; other words have no effect */
extern const FieldType filter_mac;       /* six bytes */
extern const FieldType filter_mac_mask;  /* ones, then zeros */
extern const FieldType filter_ip;        /* IPv4 */
extern const FieldType filter_ip_mask;   /* a number of bits, or ones and zeros */
extern const FieldType filter_ip6;       /* IPv6 */
extern const FieldType filter_ip6_mask;  /* likewise */
extern const FieldType filter_u8;        /* decimal, or hexadecimal, which stays so */
extern const FieldType filter_u16;       /* likewise */
extern const FieldType filter_u32;       /* likewise; -1 means the largest number */
extern const FieldType filter_vlan_id;   /* 0 to 4095 */
extern const FieldType filter_dscp;      /* 0 to 63 */
extern const FieldType filter_limit;     /* decimal only, up to 65535 */
extern const FieldType filter_ethertype; /* type of a frame: a word, or a number from 0x600 */
extern const FieldType filter_encap;     /* type of the frame inside a VLAN's frame: from 0x3c */
extern const FieldType filter_protocol;  /* number or word of an IP protocol */
extern const FieldType filter_opcode;    /* number or word of an ARP operation */
extern const FieldType filter_bool;      /* true, false */
extern const FieldType filter_state;     /* states of a connection, several of them */
extern const FieldType filter_flags; /* flags of TCP: those looked at / those that must be set */
extern const FieldType filter_ipset; /* name of a set of addresses */
extern const FieldType filter_ipset_dir; /* src, dst: up to six */
extern const FieldType filter_comment;   /* any text, up to 256 bytes */

/* The number of a value of filter_protocol; -1: the value is a variable. */
int filter_protocol_number(const char *text);
