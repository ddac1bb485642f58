import json,glob,collections
for f in sorted(glob.glob('CPU*.cpuprofile')):
    p=json.load(open(f)); nodes={n['id']:n for n in p['nodes']}
    c=collections.Counter()
    for s,d in zip(p['samples'],p['timeDeltas']): c[nodes[s]['callFrame']['functionName']]+=d
    tot=sum(c.values()); idle=c['(idle)']+c['(program)']
    print(f, 'total ms',tot//1000,'idle',c['(idle)']//1000,'program',c['(program)']//1000,'gc',c['(garbage collector)']//1000,'busy/run',round((tot-c['(idle)'])/390/1000,1), 'js', round((tot-c['(idle)']-c['(program)'])/390/1000,1))
