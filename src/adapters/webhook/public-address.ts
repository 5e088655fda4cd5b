import { BlockList, isIP } from 'node:net';

/** Ranges that are not of the public internet (IANA special-purpose registries), and services of clouds that answer everybody within. */
const private4 = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24'],
  ...['203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
  // The agent of virtual machines on Azure.
  '168.63.129.16/32',
];
/** Of IPv6 only this is given out; within it, what carries IPv4, documentation, and other special uses. */
const global6 = ['2000::/3'];
const private6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

const refused4 = blockList(private4, 'ipv4');
const allowed6 = blockList(global6, 'ipv6');
const refused6 = blockList(private6, 'ipv6');

/** True for an address that anybody on the internet could reach. IPv4 within IPv6 is none: who means it can say it. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !refused4.check(address, 'ipv4');
    case 6:
      return allowed6.check(address, 'ipv6') && !refused6.check(address, 'ipv6');
    default:
      return false;
  }
}

function blockList(ranges: readonly string[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [net = '', prefix] = range.split('/');
    list.addSubnet(net, Number(prefix), family);
  }
  return list;
}
