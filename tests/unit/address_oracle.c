/* The second implementation of the address rules (address_oracle.h). */
#include "address_oracle.h"

#include <stddef.h>

const struct range4 oracle_denied4[ORACLE_DENIED4] = {
    {0u, 16777215u},            /* 0.0.0.0      - 0.255.255.255 */
    {167772160u, 184549375u},   /* 10.0.0.0     - 10.255.255.255 */
    {1681915904u, 1686110207u}, /* 100.64.0.0   - 100.127.255.255 */
    {2130706432u, 2147483647u}, /* 127.0.0.0    - 127.255.255.255 */
    {2822734096u, 2822734096u}, /* 168.63.129.16 */
    {2851995648u, 2852061183u}, /* 169.254.0.0  - 169.254.255.255 */
    {2886729728u, 2887778303u}, /* 172.16.0.0   - 172.31.255.255 */
    {3221225472u, 3221225727u}, /* 192.0.0.0    - 192.0.0.255 */
    {3221225984u, 3221226239u}, /* 192.0.2.0    - 192.0.2.255 */
    {3227017984u, 3227018239u}, /* 192.88.99.0  - 192.88.99.255 */
    {3232235520u, 3232301055u}, /* 192.168.0.0  - 192.168.255.255 */
    {3323068416u, 3323199487u}, /* 198.18.0.0   - 198.19.255.255 */
    {3325256704u, 3325256959u}, /* 198.51.100.0 - 198.51.100.255 */
    {3405803776u, 3405804031u}, /* 203.0.113.0  - 203.0.113.255 */
    {3758096384u, 4294967295u}, /* 224.0.0.0    - 255.255.255.255 */
};

const struct range6 oracle_allowed6[ORACLE_ALLOWED6] = {
    {0x2000000000000000u, 0x2000ffffffffffffu}, /* 2000::      - before 2001::/23 */
    {0x2001020000000000u, 0x20010db7ffffffffu}, /* 2001:200::  - before 2001:db8::/32 */
    {0x20010db900000000u, 0x2001ffffffffffffu}, /* 2001:db9::  - before 2002::/16 */
    {0x2003000000000000u, 0x3ffeffffffffffffu}, /* 2003::      - before 3fff::/20 */
    {0x3fff100000000000u, 0x3fffffffffffffffu}, /* 3fff:1000:: - end of 2000::/3 */
};

bool oracle_denies4(uint32_t ip)
{
    for (size_t i = 0; i < ORACLE_DENIED4; i++)
        if (ip >= oracle_denied4[i].first && ip <= oracle_denied4[i].last)
            return true;
    return false;
}

bool oracle_denies6(uint64_t upper)
{
    bool allowed = false;
    for (size_t i = 0; i < ORACLE_ALLOWED6; i++)
        allowed = allowed || (oracle_allowed6[i].first <= upper && upper <= oracle_allowed6[i].last);
    return !allowed;
}
